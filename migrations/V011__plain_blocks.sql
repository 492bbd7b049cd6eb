-- Blocks are not compressed: that took longer than everything else about counting, for whoever stores and for whoever reads.
ALTER TABLE view_rollups ALTER paths SET STORAGE EXTERNAL, ALTER counts SET STORAGE EXTERNAL;

-- As before; but what is stored at once is nearly always of one minute, and then the block of each width has the same paths and
-- counts, which are put together once. A plan is made once for each connection.
CREATE OR REPLACE FUNCTION add_to_rollups(moments timestamptz[], viewed bigint[], amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF moments[1] = ALL (moments) THEN
        INSERT INTO view_rollups (minutes, start, views, paths, counts)
        SELECT w.minutes, date_bin(w.width, moments[1], 'epoch'), (SELECT sum(a) FROM unnest(amounts) a), viewed, amounts
        FROM (VALUES (1, interval '1 minute'), (15, interval '15 minutes'), (60, interval '1 hour'),
                     (240, interval '4 hours'), (1440, interval '1 day'), (10080, interval '7 days')) AS w (minutes, width);
    ELSE
        INSERT INTO view_rollups (minutes, start, views, paths, counts)
        SELECT minutes, start, sum(views), array_agg(path_id ORDER BY path_id), array_agg(views ORDER BY path_id)
        FROM (SELECT w.minutes, date_bin(w.width, v.moment, 'epoch') AS start, v.path_id, sum(v.views)::bigint AS views
              FROM unnest(moments, viewed, amounts) AS v (moment, path_id, views)
              CROSS JOIN (VALUES (1, interval '1 minute'), (15, interval '15 minutes'), (60, interval '1 hour'),
                                 (240, interval '4 hours'), (1440, interval '1 day'), (10080, interval '7 days')) AS w (minutes, width)
              GROUP BY 1, 2, 3) span
        GROUP BY minutes, start;
    END IF;
END $$;
