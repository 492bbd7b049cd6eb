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
                 SELECT path_id, $2::bigint AS views FROM page_views \
                 WHERE bot IS NULL AND created_at >= $3 AND created_at < $4 \
                 UNION ALL SELECT path_id, $5::bigint FROM page_views \
                 WHERE bot IS NULL AND created_at >= $6 AND created_at < $7 \
                 UNION ALL SELECT path_id, views * $8 FROM path_counts WHERE minutes = 1 AND start >= $9 AND start < $10 \
                 UNION ALL SELECT path_id, views * $11 FROM path_counts WHERE minutes = 1 AND start >= $12 AND start < $13 \
                 UNION ALL SELECT path_id, views * $14 FROM path_counts WHERE minutes = 60 AND start >= $15 AND start < $16 \
                 UNION ALL SELECT path_id, views * $17 FROM path_counts WHERE minutes = 60 AND start >= $18 AND start < $19 \
                 UNION ALL SELECT path_id, views * $20 FROM path_counts WHERE minutes = 1440 AND start >= $21 AND start < $22 \
             ) piece GROUP BY path_id HAVING sum(views) > 0 ORDER BY views DESC FETCH FIRST ($1) ROWS WITH TIES \
         ) SELECT p.path, r.views FROM ranked r JOIN paths p ON p.id = r.path_id \
         ORDER BY r.views DESC, p.path LIMIT $1";
    let terms = window.terms();
    let mut query = sqlx::query_as(SQL).bind(limit);
    for (width, places) in [(0, 2), (MINUTE, 2), (HOUR, 2), (DAY, 1)] {
        let mut fitting = terms.iter().filter(|(_, piece)| piece.width == width);
        for _ in 0..places {
            // A place that is not needed is a span at a time of which there is nothing.
            let (sign, start, end) = fitting.next().map_or_else(
                || (0, beginning(), beginning()),
                |(negative, piece)| (if *negative { -1 } else { 1 }, piece.start, piece.end),
            );
            query = query.bind::<i64>(sign).bind::<DateTime<Utc>>(start).bind::<DateTime<Utc>>(end);
        }
    }
    Ok(query.fetch_all(db).await?)
}

/// A ranking as it is answered.
pub(crate) fn body(ranking: &TopPaths) -> Vec<PathCount> {
    ranking.iter().map(|(path, count)| PathCount { path: path.clone(), count: *count }).collect()
}
