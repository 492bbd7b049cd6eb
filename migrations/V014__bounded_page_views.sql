-- What anybody can make grow is bounded: new paths, days without a partition, blocks of counts that wait to be merged. And what
-- a row says is told apart by who says it.

-- Paths go when nobody has viewed them for as long as page views are kept. Whoever stores a view notes the day with its path, once
-- a day, before the view itself is stored.
ALTER TABLE paths ADD COLUMN seen_on date NOT NULL DEFAULT current_date;

-- How many paths there are, and how many of them are of the day.
CREATE TABLE path_dictionary (
    single boolean NOT NULL DEFAULT true CONSTRAINT path_dictionary_pkey PRIMARY KEY CONSTRAINT path_dictionary_single_check CHECK (single),
    total  bigint NOT NULL,
    day    date NOT NULL,
    made   bigint NOT NULL
);
INSERT INTO path_dictionary (total, day, made) SELECT count(*), current_date, 0 FROM paths;

-- Puts paths into the dictionary while there is room: so many a day, and so many in all. Those that are there afterwards.
CREATE FUNCTION make_paths(wanted text[], today date, most_a_day bigint, most bigint)
RETURNS TABLE (path varchar(255), id bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    room  bigint;
    fresh bigint;
BEGIN
    -- Whoever makes paths waits here for whoever does at this moment.
    UPDATE path_dictionary SET day = greatest(day, today), made = CASE WHEN day < today THEN 0 ELSE made END
        RETURNING least(most_a_day - made, most - total) INTO room;
    IF NOT FOUND THEN
        -- Somebody has emptied the table.
        INSERT INTO path_dictionary (total, day, made) SELECT count(*), today, 0 FROM paths ON CONFLICT DO NOTHING;
        SELECT least(most_a_day - made, most - total) INTO room FROM path_dictionary FOR UPDATE;
    END IF;
    INSERT INTO paths (path, seen_on)
        SELECT w, today FROM unnest(wanted) w WHERE NOT EXISTS (SELECT FROM paths p WHERE p.path = w)
        ORDER BY w COLLATE "C" LIMIT greatest(room, 0) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS fresh = ROW_COUNT;
    UPDATE path_dictionary SET total = total + fresh, made = made + fresh;
    RETURN QUERY SELECT p.path, p.id FROM paths p WHERE p.path = ANY (wanted);
END $$;

-- When blocks came, so that one can tell how long the oldest has waited to be merged. Merged blocks of a span may be several, of very
-- different sizes: small ones are merged often, large ones seldom.
ALTER TABLE view_rollups ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX view_rollups_merged_idx ON view_rollups (minutes, start) WHERE merged;

-- Whether the client has named the event, and nobody has vouched for the user: the reporter had no token.
ALTER TABLE page_views ADD COLUMN named boolean NOT NULL DEFAULT false, ADD COLUMN user_claimed boolean NOT NULL DEFAULT false;
-- Who has reported the event, as a hash that differs from event to event: a repetition is answered with the first record to him only.
ALTER TABLE page_view_events ADD COLUMN reporter varchar(32);

-- Who works on a job; when he is silent for long, somebody else goes on.
ALTER TABLE seed_jobs ADD COLUMN worker uuid;

-- Seeds of the days' salts. A salt is made of its seed and the signing key, which is not in the database.
ALTER TABLE visitor_salts ADD COLUMN made_at timestamptz NOT NULL DEFAULT now();
DELETE FROM visitor_salts;

-- Page views to be erased because their user is: done in the background, some at a time.
CREATE TABLE page_view_erasures (
    user_id  bigint CONSTRAINT page_view_erasures_pkey PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION erase_page_views_of_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO page_view_erasures (user_id) SELECT id FROM gone ORDER BY id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER users_erase_page_views AFTER DELETE ON users
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION erase_page_views_of_users();

-- Sees to it that a day (UTC) has a partition; whether it was made. What came for the day before, into the partition for days nobody
-- has foreseen, moves with it, unless that is so much that others would wait for it: then it stays where it is, and is found as well.
-- Nobody who has a request to answer calls this. It owns what it makes, whoever calls it.
CREATE OR REPLACE FUNCTION ensure_page_views_of(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    name   text := 'page_views_' || to_char(day, 'YYYYMMDD');
    begins timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends   timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    most   CONSTANT bigint := 20000;
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(7305423198540023);
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Whoever waits for a lock here has others wait for him: not for long, then.
    PERFORM set_config('lock_timeout', '500ms', true);
    IF EXISTS (SELECT FROM page_views_default WHERE created_at >= begins AND created_at < ends) THEN
        -- Who reads goes on. Who stores waits until the rows have moved.
        LOCK TABLE page_views_default IN SHARE ROW EXCLUSIVE MODE;
        IF (SELECT count(*) FROM (SELECT FROM page_views_default WHERE created_at >= begins AND created_at < ends LIMIT most + 1) r) > most THEN
            RETURN false;
        END IF;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE page_views INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    -- Past the trigger that would take them from the counts: they are still there.
    EXECUTE format('WITH moved AS (DELETE FROM page_views_default WHERE created_at >= $1 AND created_at < $2 RETURNING *) '
                   'INSERT INTO %I SELECT * FROM moved', name) USING begins, ends;
    -- Attached rather than made as a partition, which would lock out everybody who reads or writes.
    EXECUTE format('ALTER TABLE page_views ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, begins, ends);
    RETURN true;
EXCEPTION WHEN check_violation THEN
    -- Somebody has stored one meanwhile: another time.
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION drop_page_views_of(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    EXECUTE format('DROP TABLE IF EXISTS %I', 'page_views_' || to_char(day, 'YYYYMMDD'));
END $$;
