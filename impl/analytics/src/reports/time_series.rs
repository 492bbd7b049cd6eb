//! Views over time, from the counts of minutes, hours and days.

use analytics_api::models::TimePoint;
use chrono::{DateTime, TimeDelta, Utc};
use platform::{Result, pair, sql};
use sqlx::postgres::PgExecutor;

use crate::reports::window::{Piece, Window, beginning};

/// When the first view of all, or of a path, was: the minute of it. Nothing when there is none.
pub(crate) async fn first_view(db: impl PgExecutor<'_>, path: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    // The first day, then the first minute of that.
    const SQL: &str = sql!("WITH wanted AS MATERIALIZED (SELECT (SELECT id FROM paths WHERE path = $1) AS id), day AS (
             SELECT c.start FROM view_rollups c, wanted w WHERE c.minutes = 1440 AND ($1 IS NULL OR c.paths @> ARRAY[w.id])
             GROUP BY 1 HAVING sum(CASE WHEN $1 IS NULL THEN c.views ELSE c.counts[array_position(c.paths, w.id)] END) > 0
             ORDER BY 1 LIMIT 1
         ) SELECT min(start) FROM (
             SELECT c.start FROM day d JOIN view_rollups c ON c.minutes = 1 AND c.start >= d.start
                 AND c.start < d.start + interval '1 day' CROSS JOIN wanted w WHERE $1 IS NULL OR c.paths @> ARRAY[w.id]
             GROUP BY 1 HAVING sum(CASE WHEN $1 IS NULL THEN c.views ELSE c.counts[array_position(c.paths, w.id)] END) > 0
         ) viewed");
    Ok(sqlx::query_scalar(SQL).bind(path).fetch_one(db).await?)
}

/// How often all paths, or one, were viewed from each of these times to the next one; the last ends with the window. The
/// first may be before the window, which then begins in the middle.
pub(crate) async fn counts(
    db: impl PgExecutor<'_>,
    window: Window,
    beginnings: Vec<DateTime<Utc>>,
    path: Option<&str>,
) -> Result<Vec<TimePoint>> {
    // Each span is looked up by itself: an index range, whatever the planner believes about all of them together. Windows may be
    // of centuries: those before the first count are not looked up.
    const SQL: &str = sql!("WITH counted AS MATERIALIZED (SELECT min(start) AS since FROM view_rollups WHERE minutes = 10080)
         SELECT place, coalesce(sum(views), 0)::bigint AS views FROM (
             SELECT width_bucket(c.start, $1::timestamptz[]) AS place, c.views
             FROM counted JOIN unnest($2::smallint[], $3::timestamptz[], $4::timestamptz[]) AS span (minutes, start, ends)
                 ON span.ends > counted.since
             CROSS JOIN LATERAL (SELECT start, CASE WHEN $9::text IS NULL THEN views
                     ELSE counts[array_position(paths, (SELECT id FROM paths WHERE path = $9))] END AS views
                 FROM view_rollups WHERE minutes = span.minutes AND start >= span.start AND start < span.ends) c
             UNION ALL SELECT width_bucket(created_at, $1), 1 FROM page_views
             WHERE bot IS NULL AND created_at >= $5 AND created_at < $6
                 AND ($9::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $9))
             UNION ALL SELECT width_bucket(created_at, $1), 1 FROM page_views
             WHERE bot IS NULL AND created_at >= $7 AND created_at < $8
                 AND ($9::text IS NULL OR path_id = (SELECT id FROM paths WHERE path = $9))
         ) viewed GROUP BY place");
    let (rows, counted): (Vec<Piece>, Vec<Piece>) =
        spans(window, &beginnings).into_iter().partition(|piece| piece.width == 0);
    let widths: Vec<i16> = counted.iter().map(|piece| i16::try_from(piece.width).unwrap_or_default()).collect();
    let starts: Vec<_> = counted.iter().map(|piece| piece.start).collect();
    let ends: Vec<_> = counted.iter().map(|piece| piece.end).collect();
    let mut query = sqlx::query(SQL).bind(&beginnings).bind(widths).bind(starts).bind(ends);
    for place in 0..2 {
        let (start, end) = rows.get(place).map_or_else(|| (beginning(), beginning()), |piece| (piece.start, piece.end));
        query = query.bind(start).bind(end);
    }
    let viewed = query.bind(path).fetch_all(db).await?;
    let mut points: Vec<TimePoint> = beginnings.into_iter().map(|start| TimePoint { start, count: 0 }).collect();
    for row in &viewed {
        let (place, count): (i32, i64) = pair(row, "place", "views")?;
        if let Some(point) = usize::try_from(place - 1).ok().and_then(|place| points.get_mut(place)) {
            point.count = count;
        }
    }
    Ok(points)
}

/// The pieces of all buckets until now; neighbours of one width, as most are, become one. Buckets begin with a minute, so that rows
/// are counted at the two ends of the window only.
fn spans(window: Window, beginnings: &[DateTime<Utc>]) -> Vec<Piece> {
    let mut spans: Vec<Piece> = Vec::new();
    // Clocks of those who report may be fast, within a limit; nothing was viewed on the day after tomorrow.
    let future = Utc::now() + TimeDelta::days(2);
    for (place, begins) in beginnings.iter().enumerate().take_while(|(_, begins)| **begins < future) {
        let end = beginnings.get(place + 1).map_or(window.end, |next| *next);
        for piece in (Window { start: window.start.max(*begins), end }).pieces() {
            match spans.last_mut() {
                Some(last) if last.width == piece.width && last.end == piece.start => last.end = piece.end,
                _ => spans.push(piece),
            }
        }
    }
    spans
}
