//! What waits in the pipeline, and since when.

use platform::{Columns, Result, sql};
use shop_api::models::QueueStatus;
use sqlx::postgres::PgExecutor;

/// Seconds for which the oldest message that is due has waited to be handed to the stream; 0 when none waits.
pub(crate) async fn outbox_age(db: impl PgExecutor<'_>) -> Result<f64> {
    const SQL: &str = sql!(
        "SELECT greatest(0, extract(epoch FROM clock_timestamp() - greatest(created_at, available_at)))::float8
         FROM outbox WHERE published_at IS NULL AND available_at <= now() ORDER BY id LIMIT 1"
    );
    Ok(sqlx::query_scalar(SQL).fetch_optional(db).await?.unwrap_or(0.0))
}

/// The state of the pipeline. `stream` is how many entries of the stream nobody was given and how many are being worked on,
/// if that is known.
pub(crate) async fn status(db: impl PgExecutor<'_>, stream: Option<(i64, i64)>) -> Result<QueueStatus> {
    let sql = sql!(
        "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unpublished, o.pending, o.oldest,
             (SELECT count(*) FROM dead_letters WHERE state = 'waiting') AS dead_letters
         FROM (SELECT count(*) AS pending,
                   greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0))::float8 AS oldest
               FROM orders WHERE status = 'PENDING') o"
    );
    let row = sqlx::query(sql).fetch_one(db).await?;
    let mut columns = Columns::of(&row);
    Ok(QueueStatus {
        unpublished: columns.get("unpublished")?,
        pending_orders: columns.get("pending")?,
        oldest_seconds: columns.get("oldest")?,
        dead_letters: columns.get("dead_letters")?,
        unread: stream.map(|(unread, _)| unread),
        in_progress: stream.map(|(_, in_progress)| in_progress),
    })
}
