//! Whether page views and their counts are as they must be, asked of a database that may be in use.

use platform::settings::DatabaseSettings;
use platform::verification::{self, Check, Checked};
use platform::{Result, sql};

/// Every check.
pub const CHECKS: &[Check] = &[
    Check::always(
        "P1",
        "every event is stored once",
        "page_views",
        sql!("SELECT format('event %s: %s rows', event_id, count(*)) FROM page_views GROUP BY event_id HAVING count(*) > 1"),
    ),
    Check::always(
        "P1",
        "every remembered event id has a page view",
        "page_view_events",
        sql!("SELECT format('event %s: no row %s of %s', e.event_id, e.id, e.created_at) FROM page_view_events e
         WHERE NOT EXISTS (SELECT FROM page_views v WHERE v.created_at = e.created_at AND v.id = e.id
                               AND v.event_id = e.event_id)
           AND e.created_at >= (SELECT min(start) FROM view_rollups WHERE minutes = 1440)"),
    ),
    Check::always(
        "P1",
        "every page view with an event id has its id remembered",
        "page_views",
        // As long as none is forgotten: a day less than names are remembered.
        sql!("SELECT format('event %s: row %s of %s has no name, and counts twice when it is repeated', v.event_id, v.id, v.created_at)
         FROM page_views v WHERE v.named AND v.created_at > now() - interval '6 days'
           AND NOT EXISTS (SELECT FROM page_view_events e WHERE e.event_id = v.event_id AND e.id = v.id)"),
    ),
    Check::always(
        "P2",
        "every path in rollups is in the dictionary",
        "view_rollups",
        sql!("SELECT format('%s minutes from %s: path %s', minutes, start, path_id) FROM path_counts c
         WHERE NOT EXISTS (SELECT FROM paths p WHERE p.id = c.path_id)"),
    ),
    Check::always(
        "P2",
        "every path of page views is in the dictionary",
        "page_views",
        sql!("SELECT format('path %s: %s rows', path_id, count(*)) FROM page_views v
         WHERE NOT EXISTS (SELECT FROM paths p WHERE p.id = v.path_id) GROUP BY path_id"),
    ),
    Check::always(
        "P2",
        "rollups equal the sums of page views",
        "view_rollups",
        sql!("SELECT format('path %s, %s minutes from %s: counted %s, rows %s', path_id, minutes, start,
                       coalesce(c.views, 0), coalesce(r.views, 0))
         FROM path_counts c
         FULL JOIN (
             SELECT w.minutes, date_bin(w.minutes * interval '1 minute', m.start, 'epoch') AS start, m.path_id,
                    sum(m.views) AS views
             FROM (SELECT date_bin('1 minute', created_at, 'epoch') AS start, path_id, count(*) AS views FROM page_views
                   WHERE bot IS NULL GROUP BY 1, 2) m
             CROSS JOIN (VALUES (1), (5), (15), (60), (240), (1440), (10080)) AS w (minutes)
             GROUP BY 1, 2, 3
         ) r USING (minutes, start, path_id)
         WHERE c.views IS DISTINCT FROM r.views"),
    ),
    Check::always(
        "P2",
        "rollup totals equal the sums of their paths",
        "view_rollups",
        sql!("SELECT format('%s minutes from %s: %s in all, paths %s', minutes, start, views, counts) FROM view_rollups
         WHERE views <> (SELECT coalesce(sum(n), 0) FROM unnest(counts) n)"),
    ),
];

/// Makes every check.
///
/// # Errors
/// Those of the database.
pub async fn run(settings: &DatabaseSettings) -> Result<Vec<Checked>> {
    verification::run(settings, CHECKS, true).await
}
