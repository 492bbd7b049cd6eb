//! The most viewed paths of a window, twice: from every row, and from counts.

use analytics_api::models::PathCount;
use chrono::Utc;
use platform::{Result, pair, sql};
use sqlx::postgres::{PgExecutor, PgRow};

use crate::reports::window::{Piece, Window};

/// Paths and how often each was viewed, most viewed first.
pub(crate) type TopPaths = Vec<(String, i64)>;

/// From every row of the window.
pub(crate) async fn from_rows(db: impl PgExecutor<'_>, window: Window, limit: i64) -> Result<TopPaths> {
    const SQL: &str = sql!(
        "SELECT p.path, c.views FROM (
             SELECT path_id, count(*) AS views FROM page_views
             WHERE bot IS NULL AND created_at >= $2 AND created_at < $3 GROUP BY path_id
         ) c JOIN paths p ON p.id = c.path_id ORDER BY c.views DESC, p.path LIMIT $1"
    );
    ranking(&sqlx::query(SQL).bind(limit).bind(window.start).bind(window.end).fetch_all(db).await?)
}

/// From counts, and the rows of what is left at both ends: as few as half a minute has.
pub(crate) async fn from_counts(db: impl PgExecutor<'_>, window: Window, limit: i64) -> Result<TopPaths> {
    // One statement sees rows and counts of one instant.
    const SQL: &str = sql!("SELECT path, views FROM top_paths($1, $2, $3, $4, $5, $6, $7, $8)");
    let (counted, rows): (Vec<_>, Vec<_>) =
        window.terms(Utc::now()).into_iter().partition(|(_, piece)| piece.width > 0);
    let starts = |terms: &[(bool, Piece)]| terms.iter().map(|(_, piece)| piece.start).collect::<Vec<_>>();
    let ends = |terms: &[(bool, Piece)]| terms.iter().map(|(_, piece)| piece.end).collect::<Vec<_>>();
    let signs =
        |terms: &[(bool, Piece)]| terms.iter().map(|(negative, _)| 1 - 2 * i64::from(*negative)).collect::<Vec<_>>();
    let widths: Vec<i16> = counted.iter().filter_map(|(_, piece)| i16::try_from(piece.width).ok()).collect();
    let query = sqlx::query(SQL).bind(limit).bind(widths).bind(starts(&counted)).bind(ends(&counted));
    let query = query.bind(signs(&counted)).bind(starts(&rows)).bind(ends(&rows)).bind(signs(&rows));
    ranking(&query.fetch_all(db).await?)
}

fn ranking(rows: &[PgRow]) -> Result<TopPaths> {
    Ok(rows.iter().map(|row| pair(row, "path", "views")).collect::<sqlx::Result<_>>()?)
}

/// The body of a response with a ranking.
pub(crate) fn body(ranking: &TopPaths) -> Vec<PathCount> {
    ranking.iter().map(|(path, count)| PathCount { path: path.clone(), count: *count }).collect()
}
