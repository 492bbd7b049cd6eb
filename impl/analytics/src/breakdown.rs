//! What only rows can tell: how many visitors there were, and where they came from.

use analytics_api::models::{BreakdownRow, Dimension, Uniques};
use platform::Result;
use sqlx::postgres::PgExecutor;

use crate::window::Window;

/// The rows of a window ($1, $2) that count, of one path ($3) if it is given.
macro_rules! counted {
    () => {
        " FROM page_views WHERE bot IS NULL AND created_at >= $1 AND created_at < $2 \
         AND ($3::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $3))"
    };
}

/// How many visitors and signed-in users there were. The hash of a visitor is another one each day.
pub(crate) async fn uniques(db: impl PgExecutor<'_>, window: Window, path: Option<&str>) -> Result<Uniques> {
    // Hashed twice in one pass; counting distinct values in an aggregate would sort them.
    const SQL: &str = concat!(
        "SELECT count(visitor), count(user_id) FROM (SELECT visitor, user_id FROM ( \
         SELECT visitor, CASE WHEN NOT user_claimed THEN user_id END AS user_id",
        counted!(),
        ") v GROUP BY GROUPING SETS ((visitor), (user_id))) u"
    );
    let query = sqlx::query_as(SQL).bind(window.start).bind(window.end).bind(path);
    let (visitors, users) = query.fetch_one(db).await?;
    Ok(Uniques { visitors, users })
}

/// The most frequent values of a dimension; of equal ones in the order of their bytes, the unknown last.
pub(crate) async fn by(
    db: impl PgExecutor<'_>,
    dimension: Dimension,
    window: Window,
    path: Option<&str>,
    limit: i64,
) -> Result<Vec<BreakdownRow>> {
    macro_rules! by {
        ($column:literal) => {
            concat!(
                "SELECT ",
                $column,
                ", count(*)",
                counted!(),
                " GROUP BY 1 ORDER BY 2 DESC, ",
                $column,
                " COLLATE \"C\" NULLS LAST LIMIT $4"
            )
        };
    }
    let sql = match dimension {
        Dimension::Country => by!("country"),
        Dimension::Referrer => by!("referrer"),
        Dimension::Device => by!("device"),
    };
    let query = sqlx::query_as(sql).bind(window.start).bind(window.end).bind(path).bind(limit);
    let rows: Vec<(Option<String>, i64)> = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(|(value, count)| BreakdownRow { value, count }).collect())
}
