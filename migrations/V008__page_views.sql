-- Page views: raw rows by day, a dictionary of paths, and counts that are kept in the transaction of the rows they count.

-- The older Python service has a table of this name and another shape; V009 takes its rows over.
DO $$
BEGIN
    IF to_regclass('page_views') IS NOT NULL THEN
        ALTER TABLE page_views RENAME TO page_views_older;
        -- Its names are wanted: those of constraints, indexes and the sequence.
        EXECUTE (SELECT coalesce(string_agg(format('ALTER TABLE page_views_older RENAME CONSTRAINT %I TO %I;',
                                                   conname, 'older_' || conname), ''), 'SELECT')
                 FROM pg_constraint WHERE conrelid = 'page_views_older'::regclass);
        EXECUTE (SELECT coalesce(string_agg(format('ALTER INDEX %s RENAME TO %I;', i.indexrelid::regclass, 'older_' || c.relname), ''), 'SELECT')
                 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE i.indrelid = 'page_views_older'::regclass AND c.relname NOT LIKE 'older\_%');
        IF to_regclass('page_views_id_seq') IS NOT NULL THEN
            ALTER SEQUENCE page_views_id_seq RENAME TO older_page_views_id_seq;
        END IF;
    END IF;
END $$;

-- Rows are never removed: a path costs some bytes, a dangling number a wrong count. Compared by bytes: ties of a ranking are
-- decided in the order of paths, the same on every machine.
CREATE TABLE paths (
    id   bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT paths_pkey PRIMARY KEY,
    path varchar(255) COLLATE "C" NOT NULL CONSTRAINT paths_path_key UNIQUE
);

CREATE SEQUENCE page_views_id_seq CACHE 100;
CREATE TABLE page_views (
    id         bigint NOT NULL DEFAULT nextval('page_views_id_seq'),
    path_id    bigint NOT NULL,
    -- Whoever the reporter says it was; need not be a user of ours.
    user_id    bigint,
    country    varchar(2),
    -- When it happened.
    created_at timestamptz NOT NULL,
    event_id   uuid NOT NULL,
    -- Host of the page that led here.
    referrer   varchar(255),
    device     varchar(10) CONSTRAINT page_views_device_check CHECK (device IN ('desktop', 'mobile', 'tablet', 'other')),
    -- A hash with a salt of its day, which is thrown away: no address is kept, and nobody is known for longer.
    visitor    varchar(32),
    -- Why it is not counted; null when it is.
    bot        varchar(40),
    CONSTRAINT page_views_pkey PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
ALTER SEQUENCE page_views_id_seq OWNED BY page_views.id;
-- Times come in roughly in order, so a few bytes for each block tell where they are.
CREATE INDEX page_views_created_at_idx ON page_views USING brin (created_at) WITH (pages_per_range = 32);
CREATE INDEX page_views_user_id_idx ON page_views (user_id) WHERE user_id IS NOT NULL;
-- For days nobody has foreseen.
CREATE TABLE page_views_default PARTITION OF page_views DEFAULT;

-- Sees to it that a day (UTC) has a partition; whether it was made. Two at once do not get in each other's way.
CREATE FUNCTION ensure_page_views_of(day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    name text := 'page_views_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(7305423198540023);
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE page_views INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    -- Attached rather than made as a partition, which would lock out everybody who reads or writes.
    EXECUTE format('ALTER TABLE page_views ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    RETURN true;
EXCEPTION WHEN check_violation THEN
    -- The day has rows in the default partition already, where they are found as well.
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
    RETURN false;
END $$;

-- Removes a day (UTC) with everything in it.
CREATE FUNCTION drop_page_views_of(day date) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I', 'page_views_' || to_char(day, 'YYYYMMDD'));
END $$;

-- Events that clients have named, for as long as a repetition is recognized, and the row each one became.
CREATE TABLE page_view_events (
    event_id   uuid CONSTRAINT page_view_events_pkey PRIMARY KEY,
    id         bigint NOT NULL,
    created_at timestamptz NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX page_view_events_stored_at_idx ON page_view_events USING brin (stored_at);

-- How often a path was viewed in a minute, an hour or a day (UTC); `minutes` is the width. Bots do not count.
CREATE TABLE path_counts (
    minutes smallint NOT NULL CONSTRAINT path_counts_minutes_check CHECK (minutes IN (1, 60, 1440)),
    start   timestamptz NOT NULL,
    path_id bigint NOT NULL,
    views   bigint NOT NULL CONSTRAINT path_counts_views_check CHECK (views >= 0),
    CONSTRAINT path_counts_pkey PRIMARY KEY (minutes, start, path_id)
) WITH (fillfactor = 70);

CREATE TABLE seed_jobs (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT seed_jobs_pkey PRIMARY KEY,
    state      varchar(10) NOT NULL DEFAULT 'running' CONSTRAINT seed_jobs_state_check
               CHECK (state IN ('running', 'done', 'failed')),
    rows       bigint NOT NULL,
    paths      bigint NOT NULL,
    inserted   bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- A salt for each day (UTC), shared by all processes and thrown away when the day is over.
CREATE TABLE visitor_salts (
    day  date CONSTRAINT visitor_salts_pkey PRIMARY KEY,
    salt bytea NOT NULL CONSTRAINT visitor_salts_salt_check CHECK (octet_length(salt) = 32)
);
