//! The most viewed paths of a window, twice: from every row, and from counts.

use analytics_api::models::PathCount;
use chrono::{DateTime, Utc};
use platform::Result;
use sqlx::postgres::PgExecutor;

use crate::TopPaths;
use crate::window::{DAY, HOUR, MINUTE, Window, beginning};

/// From every row of the window.
pub(crate) async fn from_rows(db: impl PgExecutor<'_>, window: Window, limit: i64) -> Result<TopPaths> {
    const SQL: &str = "SELECT p.path, c.views FROM ( \
             SELECT path_id, count(*) AS views FROM page_views \
             WHERE bot IS NULL AND created_at >= $2 AND created_at < $3 GROUP BY path_id \
         ) c JOIN paths p ON p.id = c.path_id ORDER BY c.views DESC, p.path LIMIT $1";
    Ok(sqlx::query_as(SQL).bind(limit).bind(window.start).bind(window.end).fetch_all(db).await?)
}

/// From the counts of days, hours and minutes, and the rows of what is left at both ends: as few as a minute has.
pub(crate) async fn from_counts(db: impl PgExecutor<'_>, window: Window, limit: i64) -> Result<TopPaths> {
    // One statement sees rows and counts of one instant. Paths are looked up when the ranking stands but for its ties.
    const SQL: &str = "WITH ranked AS ( \
             SELECT path_id, sum(views)::bigint AS views FROM ( \
                 SELECT path_id, 1::bigint AS views FROM page_views \
                 WHERE bot IS NULL AND created_at >= $2 AND created_at < $3 \
                 UNION ALL SELECT path_id, 1 FROM page_views \
                 WHERE bot IS NULL AND created_at >= $4 AND created_at < $5 \
                 UNION ALL SELECT path_id, views FROM path_counts WHERE minutes = 1 AND start >= $6 AND start < $7 \
                 UNION ALL SELECT path_id, views FROM path_counts WHERE minutes = 1 AND start >= $8 AND start < $9 \
                 UNION ALL SELECT path_id, views FROM path_counts WHERE minutes = 60 AND start >= $10 AND start < $11 \
                 UNION ALL SELECT path_id, views FROM path_counts WHERE minutes = 60 AND start >= $12 AND start < $13 \
                 UNION ALL SELECT path_id, views FROM path_counts WHERE minutes = 1440 AND start >= $14 AND start < $15 \
             ) piece GROUP BY path_id ORDER BY views DESC FETCH FIRST ($1) ROWS WITH TIES \
         ) SELECT p.path, r.views FROM ranked r JOIN paths p ON p.id = r.path_id \
         ORDER BY r.views DESC, p.path LIMIT $1";
    let pieces = window.pieces();
    let mut query = sqlx::query_as(SQL).bind(limit);
    for (width, places) in [(0, 2), (MINUTE, 2), (HOUR, 2), (DAY, 1)] {
        let mut fitting = pieces.iter().filter(|piece| piece.width == width);
        for _ in 0..places {
            // A place that is not needed is a span at a time of which there is nothing.
            let (start, end) =
                fitting.next().map_or_else(|| (beginning(), beginning()), |piece| (piece.start, piece.end));
            query = query.bind::<DateTime<Utc>>(start).bind::<DateTime<Utc>>(end);
        }
    }
    Ok(query.fetch_all(db).await?)
}

/// A ranking as it is answered.
pub(crate) fn body(ranking: &TopPaths) -> Vec<PathCount> {
    ranking.iter().map(|(path, count)| PathCount { path: path.clone(), count: *count }).collect()
}
