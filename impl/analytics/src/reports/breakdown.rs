//! What only rows can tell: how many visitors there were, and where they came from.

use analytics_api::models::{BreakdownRow, Dimension, Uniques};
use platform::{Result, read, sql};
use sqlx::postgres::PgExecutor;

use crate::reports::window::Window;

/// The rows of a window ($1, $2) that count, of one path ($3) if it is given.
const COUNTED: &str = "page_views WHERE bot IS NULL AND created_at >= $1 AND created_at < $2 \
     AND ($3::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $3))";

/// How many visitors and signed-in users there were. The hash of a visitor is another one each day.
pub(crate) async fn uniques(db: impl PgExecutor<'_>, window: Window, path: Option<&str>) -> Result<Uniques> {
    // Hashed twice in one pass; counting distinct values in an aggregate would sort them.
    let sql = sql!(
        "SELECT count(visitor) AS visitors, count(user_id) AS users FROM (SELECT visitor, user_id FROM (
             SELECT visitor, CASE WHEN NOT user_claimed THEN user_id END AS user_id FROM {COUNTED}
         ) v GROUP BY GROUPING SETS ((visitor), (user_id))) u",
        COUNTED
    );
    let query = sqlx::query(sql).bind(window.start).bind(window.end).bind(path);
    Ok(read(&query.fetch_one(db).await?)?)
}

/// The most frequent values of a dimension; of equal ones in the order of their bytes, the unknown last.
pub(crate) async fn by(
    db: impl PgExecutor<'_>,
    dimension: Dimension,
    window: Window,
    path: Option<&str>,
    limit: i64,
) -> Result<Vec<BreakdownRow>> {
    let sql = match dimension {
        Dimension::Country => sql!(
            "SELECT country AS value, count(*) AS count FROM {COUNTED}
             GROUP BY country ORDER BY count(*) DESC, country COLLATE \"C\" NULLS LAST LIMIT $4",
            COUNTED
        ),
        Dimension::Referrer => sql!(
            "SELECT referrer AS value, count(*) AS count FROM {COUNTED}
             GROUP BY referrer ORDER BY count(*) DESC, referrer COLLATE \"C\" NULLS LAST LIMIT $4",
            COUNTED
        ),
        Dimension::Device => sql!(
            "SELECT device AS value, count(*) AS count FROM {COUNTED}
             GROUP BY device ORDER BY count(*) DESC, device COLLATE \"C\" NULLS LAST LIMIT $4",
            COUNTED
        ),
    };
    let rows = sqlx::query(sql).bind(window.start).bind(window.end).bind(path).bind(limit).fetch_all(db).await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}
