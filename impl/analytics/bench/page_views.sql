-- Page views as arrays, ready to be stored by the statement of the server: what is measured is storing them, not making them
-- up. Of 1,000 paths; each view has an event of its own. Batches are numbered from 1; :hundreds and :thousands say how many there are.
SET client_min_messages = warning;
BEGIN;
INSERT INTO paths (path) SELECT '/page/' || n FROM generate_series(1000, 1999) n ORDER BY 1 ON CONFLICT DO NOTHING;

-- One of an earlier release has fewer columns.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM information_schema.columns WHERE table_name = 'bench_batches' AND column_name = 'reporters') THEN
        DROP TABLE IF EXISTS bench_batches;
    END IF;
END $$;
CREATE UNLOGGED TABLE IF NOT EXISTS bench_batches (
    rows      int NOT NULL,
    n         bigint NOT NULL,
    paths     bigint[] NOT NULL,
    users     bigint[] NOT NULL,
    countries text[] NOT NULL,
    events    uuid[] NOT NULL,
    named     boolean[] NOT NULL,
    referrers text[] NOT NULL,
    devices   text[] NOT NULL,
    visitors  text[] NOT NULL,
    bots      text[] NOT NULL,
    claims    boolean[] NOT NULL,
    reporters text[] NOT NULL,
    PRIMARY KEY (rows, n)
);
-- Not compressed: taking them apart is nothing that the other side has to do.
ALTER TABLE bench_batches ALTER paths SET STORAGE EXTERNAL, ALTER users SET STORAGE EXTERNAL, ALTER countries SET STORAGE EXTERNAL,
    ALTER events SET STORAGE EXTERNAL, ALTER named SET STORAGE EXTERNAL, ALTER referrers SET STORAGE EXTERNAL,
    ALTER devices SET STORAGE EXTERNAL, ALTER visitors SET STORAGE EXTERNAL, ALTER bots SET STORAGE EXTERNAL,
    ALTER claims SET STORAGE EXTERNAL, ALTER reporters SET STORAGE EXTERNAL;

CREATE OR REPLACE PROCEDURE bench_batches_of(size int, batches int) LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := (SELECT array_agg(id) FROM paths WHERE path ~ '^/page/1[0-9]{3}$');
BEGIN
    IF EXISTS (SELECT FROM bench_batches WHERE rows = size) THEN
        RETURN;
    END IF;
    FOR n IN 1 .. batches LOOP
        INSERT INTO bench_batches
        SELECT size, n, array_agg(ids[1 + floor(random() * 1000)::int]), array_fill(NULL::bigint, ARRAY[size]),
            array_fill('DE'::text, ARRAY[size]), array_agg(md5(random()::text || n || i)::uuid), array_fill(true, ARRAY[size]),
            array_fill('example.com'::text, ARRAY[size]), array_fill('desktop'::text, ARRAY[size]),
            array_agg(md5((n + i)::text)), array_fill(NULL::text, ARRAY[size]),
            array_fill(false, ARRAY[size]), array_fill(md5('reporter'), ARRAY[size])
        FROM generate_series(1, size) i;
    END LOOP;
END $$;
CALL bench_batches_of(100, :hundreds);
CALL bench_batches_of(1000, :thousands);
CREATE SEQUENCE IF NOT EXISTS bench_batch;
-- What a row is, and nothing else: no index, no dictionary, no count.
DROP TABLE IF EXISTS bench_bare;
CREATE TABLE bench_bare (
    id bigint, path varchar(255), user_id bigint, country varchar(2), created_at timestamptz, event_id uuid,
    referrer varchar(255), device varchar(10), visitor varchar(32), bot varchar(40)
);
COMMIT;
VACUUM ANALYZE bench_batches, paths;
