//! Which orders wait, and since when.

use platform::{Columns, Result, sql};
use sqlx::postgres::PgExecutor;

/// How many orders wait for their reservation, and for how many seconds the oldest does; 0 when none waits.
pub(crate) async fn pending(db: impl PgExecutor<'_>) -> Result<(i64, f64)> {
    let sql = sql!(
        "SELECT count(*) AS pending,
             greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0))::float8 AS oldest
         FROM orders WHERE status = 'PENDING'"
    );
    let row = sqlx::query(sql).fetch_one(db).await?;
    let mut columns = Columns::of(&row);
    Ok((columns.get("pending")?, columns.get("oldest")?))
}
