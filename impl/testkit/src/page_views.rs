//! Compares counted page views with stored ones.

/// A query for the number of minutes, hours and days of paths whose count is not the number of their rows.
pub const MISCOUNTED: &str = "
    SELECT count(*) FROM (
        SELECT w.minutes, date_bin(w.minutes * interval '1 minute', v.created_at, 'epoch') AS start, v.path_id, count(*) AS views
        FROM page_views v CROSS JOIN (VALUES (1), (5), (15), (60), (240), (1440), (10080)) AS w (minutes)
        WHERE v.bot IS NULL GROUP BY 1, 2, 3
    ) raw FULL JOIN path_counts c USING (minutes, start, path_id)
    WHERE raw.views IS DISTINCT FROM c.views";
