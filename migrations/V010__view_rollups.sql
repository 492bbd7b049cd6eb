-- Counts of page views in blocks: how often each path was viewed in one span of time, in one row. What is stored adds blocks
-- and changes none, so nobody who stores waits for anybody else; blocks of the same span are merged a moment later. A block
-- may take views away (an erasure), so counts of a span are the sums over its blocks, at every instant.
CREATE TABLE view_rollups (
    -- The width of the span, which begins at a multiple of it since 1970 (UTC).
    minutes smallint NOT NULL CONSTRAINT view_rollups_minutes_check CHECK (minutes IN (1, 5, 15, 60, 240, 1440, 10080)),
    start   timestamptz NOT NULL,
    -- Of all paths. Bots do not count.
    views   bigint NOT NULL,
    merged  boolean NOT NULL DEFAULT false,
    -- Path number n was viewed counts[n] times.
    paths   bigint[] NOT NULL,
    counts  bigint[] NOT NULL,
    CONSTRAINT view_rollups_counts_check CHECK (cardinality(paths) = cardinality(counts))
);
CREATE INDEX view_rollups_start_idx ON view_rollups (minutes, start);
CREATE INDEX view_rollups_unmerged_idx ON view_rollups (minutes, start) WHERE NOT merged;

-- Not compressed: that took longer than everything else about counting, for whoever stores and for whoever reads.
ALTER TABLE view_rollups ALTER paths SET STORAGE EXTERNAL, ALTER counts SET STORAGE EXTERNAL;

-- What is merged leaves rows behind that are as many as those that come in, however large the table is.
ALTER TABLE view_rollups SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 20000
);

-- Adds views of paths, each given with its minute, to the counts of every width. Negative views are taken away. What is stored at
-- once is nearly always of one minute, and then the block of each width has the same paths and counts, which are put together once.
CREATE FUNCTION add_to_rollups(moments timestamptz[], viewed bigint[], amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF moments[1] = ALL (moments) THEN
        INSERT INTO view_rollups (minutes, start, views, paths, counts)
        SELECT w.minutes, date_bin(w.width, moments[1], 'epoch'), (SELECT sum(a) FROM unnest(amounts) a), viewed, amounts
        FROM (VALUES (1, interval '1 minute'), (5, interval '5 minutes'), (15, interval '15 minutes'), (60, interval '1 hour'),
                     (240, interval '4 hours'), (1440, interval '1 day'), (10080, interval '7 days')) AS w (minutes, width);
    ELSE
        INSERT INTO view_rollups (minutes, start, views, paths, counts)
        SELECT minutes, start, sum(views), array_agg(path_id ORDER BY path_id), array_agg(views ORDER BY path_id)
        FROM (SELECT w.minutes, date_bin(w.width, v.moment, 'epoch') AS start, v.path_id, sum(v.views)::bigint AS views
              FROM unnest(moments, viewed, amounts) AS v (moment, path_id, views)
              CROSS JOIN (VALUES (1, interval '1 minute'), (5, interval '5 minutes'), (15, interval '15 minutes'), (60, interval '1 hour'),
                                 (240, interval '4 hours'), (1440, interval '1 day'), (10080, interval '7 days')) AS w (minutes, width)
              GROUP BY 1, 2, 3) span
        GROUP BY minutes, start;
    END IF;
END $$;

-- The most viewed paths of pieces of time, ties in the order of the paths' bytes: spans that are counted, and less than a
-- minute at either end that is not. Each piece is added, or taken away when its sign is -1.
-- One plan for all windows, because making a plan takes longer than carrying it out; and no parallel workers, whose start does.
CREATE FUNCTION top_paths(
    amount bigint,
    widths smallint[], starts timestamptz[], ends timestamptz[], signs bigint[],
    row_starts timestamptz[], row_ends timestamptz[], row_signs bigint[]
) RETURNS TABLE (path varchar(255), views bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET plan_cache_mode = force_generic_plan SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
    RETURN QUERY WITH ranked AS (
        SELECT v.path_id, sum(v.views)::bigint AS views FROM (
            SELECT unnest(r.paths) AS path_id, unnest(r.counts) * s.sign AS views
            FROM unnest(widths, starts, ends, signs) AS s (minutes, start, ends, sign)
            CROSS JOIN LATERAL (SELECT b.paths, b.counts FROM view_rollups b
                WHERE b.minutes = s.minutes AND b.start >= s.start AND b.start < s.ends) r
            UNION ALL SELECT p.path_id, row_signs[1] FROM page_views p
            WHERE p.bot IS NULL AND p.created_at >= row_starts[1] AND p.created_at < row_ends[1]
            UNION ALL SELECT p.path_id, row_signs[2] FROM page_views p
            WHERE p.bot IS NULL AND p.created_at >= row_starts[2] AND p.created_at < row_ends[2]
        ) v GROUP BY v.path_id HAVING sum(v.views) > 0 ORDER BY 2 DESC FETCH FIRST (amount) ROWS WITH TIES
    ) SELECT p.path, r.views FROM ranked r JOIN paths p ON p.id = r.path_id ORDER BY r.views DESC, p.path LIMIT amount;
END $$;

SELECT add_to_rollups(array_agg(start), array_agg(path_id), array_agg(views)) FROM path_counts WHERE minutes = 1
GROUP BY date_bin('1 day', start, 'epoch');
DROP TABLE path_counts;
-- What the blocks come to, path by path: to look at, and to check.
CREATE VIEW path_counts AS
    SELECT minutes, start, path_id, sum(views)::bigint AS views
    FROM (SELECT minutes, start, unnest(paths) AS path_id, unnest(counts) AS views FROM view_rollups) v
    GROUP BY minutes, start, path_id HAVING sum(views) <> 0;

-- Rows are looked for by their time, by their number never.
ALTER TABLE page_views DROP CONSTRAINT page_views_pkey;
ALTER TABLE page_views ADD CONSTRAINT page_views_pkey PRIMARY KEY (created_at, id);
