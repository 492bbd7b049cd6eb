-- Takes over the page views of the older Python service: rows, dictionary, counts. Nothing is to be done on a new database.

DO $$
DECLARE
    zone text := '';
    day  date;
BEGIN
    IF to_regclass('page_views_older') IS NULL THEN
        RETURN;
    END IF;
    -- Naive timestamps were written in UTC.
    IF (SELECT atttypid = 'timestamp'::regtype FROM pg_attribute
        WHERE attrelid = 'page_views_older'::regclass AND attname = 'created_at') THEN
        zone := ' AT TIME ZONE ''UTC''';
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE moving ON COMMIT DROP AS
        SELECT id::bigint AS id, left(path, 255)::varchar(255) AS path, user_id::bigint AS user_id,
               nullif(upper(left(country, 2)), '''')::varchar(2) AS country, coalesce((created_at)%s, now()) AS created_at
        FROM page_views_older WHERE path IS NOT NULL', zone);
    FOR day IN SELECT DISTINCT (created_at AT TIME ZONE 'UTC')::date FROM moving LOOP
        PERFORM ensure_page_views_of(day);
    END LOOP;
    INSERT INTO paths (path) SELECT DISTINCT path FROM moving ORDER BY path ON CONFLICT DO NOTHING;
    INSERT INTO page_views (id, path_id, user_id, country, created_at, event_id)
        SELECT m.id, p.id, m.user_id, m.country, m.created_at, gen_random_uuid()
        FROM moving m JOIN paths p ON p.path = m.path ORDER BY m.id;
    INSERT INTO path_counts (minutes, start, path_id, views)
        SELECT w.minutes, date_bin(w.minutes * interval '1 minute', v.created_at, 'epoch'), v.path_id, count(*)
        FROM page_views v CROSS JOIN (VALUES (1::smallint), (60::smallint), (1440::smallint)) AS w (minutes)
        GROUP BY 1, 2, 3;
    PERFORM setval('page_views_id_seq', greatest((SELECT max(id) FROM moving), 1));
    DROP TABLE page_views_older;
END $$;
