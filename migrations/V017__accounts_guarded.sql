-- What guards accounts: one key for all spellings of an e-mail, attempts at passwords counted for all processes, and the addresses
-- an account was used from.

-- The key is computed by the services (platform::identity::text), which know all of Unicode whatever the database's locale is. For
-- ASCII that comes to what stands here, so that scripts go on inserting e-mails alone; NULL is a key that a service has yet to compute.
-- Not unique: deployed databases may hold e-mails that differ by case only.
ALTER TABLE users ADD COLUMN login_key text;

CREATE FUNCTION set_login_key() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF octet_length(NEW.email) = char_length(NEW.email) THEN
        NEW.login_key := lower(btrim(NEW.email, E'\t\n\x0b\x0c\r ') COLLATE "C");
    ELSIF TG_OP = 'UPDATE' AND NEW.email IS DISTINCT FROM OLD.email AND NEW.login_key IS NOT DISTINCT FROM OLD.login_key THEN
        NEW.login_key := NULL;
    END IF;
    RETURN NEW;
END $$;

-- A computed key is no change that anybody sees.
CREATE OR REPLACE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (to_jsonb(OLD) - 'login_key' IS DISTINCT FROM to_jsonb(NEW) - 'login_key')
    EXECUTE FUNCTION touch_updated_at();

CREATE TRIGGER users_login_key BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_login_key();
-- The trigger does it.
UPDATE users SET login_key = NULL WHERE octet_length(email) = char_length(email);

-- users_lower_email_idx stays for processes from before this migration.
CREATE INDEX users_login_key_idx ON users (login_key);
CREATE INDEX users_without_login_key_idx ON users (id) WHERE login_key IS NULL;

-- What a service has computed; any of them may be the first to look for an e-mail.
CREATE FUNCTION fill_login_keys(ids bigint[], emails text[], keys text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE users u SET login_key = filled.key FROM unnest(ids, emails, keys) AS filled (id, email, key)
    WHERE u.id = filled.id AND u.email = filled.email AND u.login_key IS NULL
$$;

-- Where an account was used with the right password: its address (of IPv6 the /64) as a hash whose key the database does not have.
CREATE TABLE known_addresses (
    user_id bigint NOT NULL CONSTRAINT known_addresses_user_id_fkey REFERENCES users ON DELETE CASCADE,
    address bytea NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT known_addresses_pkey PRIMARY KEY (user_id, address)
);
CREATE INDEX known_addresses_seen_at_idx ON known_addresses (seen_at);

-- Attempts by the slice of the window they were made in. Not logged: a crash forgets some minutes of counting, and counting costs no
-- write to the disk. Subjects are keyed hashes.
CREATE UNLOGGED TABLE attempts (
    subject    bytea NOT NULL,
    slice      bigint NOT NULL,
    failed     integer NOT NULL DEFAULT 0,
    -- Their outcome is not known yet; they count as failed until it is.
    open       integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (subject, slice)
);
CREATE INDEX attempts_expires_at_idx ON attempts (expires_at);

-- Who was told to wait before an attempt, and since when.
CREATE UNLOGGED TABLE delayed_attempts (
    subject    bytea CONSTRAINT delayed_attempts_pkey PRIMARY KEY,
    since      timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX delayed_attempts_expires_at_idx ON delayed_attempts (expires_at);

-- One at a time for each subject, in an order that all keep to.
CREATE FUNCTION lock_attempts(subjects bytea[]) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT hashtextextended('attempts ' || encode(subject, 'hex'), 0) AS key FROM unnest(subjects) AS subject
        ORDER BY key) AS ordered
$$;

-- Counts an attempt as open under every subject, or under none if one of them has no room.
--
-- A limit without a delay has room for its amount within any window: a window is cut into twenty slices, and the oldest counts until
-- all of it is over. One with a delay always has room in the end: beyond its amount, whoever comes waits, for one second and twice as
-- long for each further quarter of the amount, up to the delay; one attempt for each wait. `visitor` is who waits.
--
-- Of each: 0 there was room, 1 there is none, 2 there is none unless an open attempt succeeds; how many are counted; milliseconds
-- until there is room; number of the present slice.
CREATE FUNCTION take_attempt(subjects bytea[], amounts integer[], window_seconds integer[], delay_seconds integer[], visitor bytea)
    RETURNS TABLE (verdict integer, total bigint, reset_ms bigint, slice bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    present_time timestamptz;
    epoch double precision;
    length double precision;
    settled bigint;
    pending bigint;
    oldest bigint;
    started timestamptz;
    delay double precision;
    verdicts integer[] := '{}';
    totals bigint[] := '{}';
    resets bigint[] := '{}';
    slices bigint[] := '{}';
    waited boolean := false;
    is_admitted boolean := true;
BEGIN
    PERFORM lock_attempts(subjects);
    -- Every call sweeps more than it leaves.
    DELETE FROM attempts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM attempts WHERE expires_at < now() ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED));
    DELETE FROM delayed_attempts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM delayed_attempts WHERE expires_at < now() ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED));
    -- Not the time at which the wait for the lock began.
    present_time := clock_timestamp();
    epoch := extract(epoch FROM present_time);
    FOR i IN 1 .. cardinality(subjects) LOOP
        length := window_seconds[i] / 20.0;
        slices[i] := floor(epoch / length);
        SELECT coalesce(sum(a.failed), 0), coalesce(sum(a.open), 0) INTO settled, pending
        FROM attempts a WHERE a.subject = subjects[i] AND a.slice >= slices[i] - 20;
        totals[i] := settled + pending;
        verdicts[i] := 0;
        resets[i] := window_seconds[i] * 1000;
        CONTINUE WHEN totals[i] < amounts[i];
        IF delay_seconds[i] = 0 THEN
            verdicts[i] := CASE WHEN settled >= amounts[i] THEN 1 ELSE 2 END;
            SELECT s.slice INTO oldest FROM (
                SELECT a.slice, sum(a.failed + a.open) OVER (ORDER BY a.slice) AS so_far
                FROM attempts a WHERE a.subject = subjects[i] AND a.slice >= slices[i] - 20) AS s
            WHERE s.so_far > totals[i] - amounts[i] ORDER BY s.slice LIMIT 1;
            resets[i] := ceil(((oldest + 21) * length - epoch) * 1000);
        ELSIF is_admitted THEN
            delay := least(delay_seconds[i], 2.0 ^ least(30, (totals[i] - amounts[i]) / greatest(1, amounts[i] / 4)));
            SELECT d.since INTO started FROM delayed_attempts d WHERE d.subject = visitor AND d.expires_at >= present_time;
            IF started IS NULL THEN
                started := present_time;
                INSERT INTO delayed_attempts AS d (subject, since, expires_at)
                VALUES (visitor, started, started + make_interval(secs => 3 * delay_seconds[i]))
                ON CONFLICT (subject) DO UPDATE SET since = excluded.since, expires_at = excluded.expires_at;
            END IF;
            resets[i] := ceil((delay - extract(epoch FROM present_time - started)) * 1000);
            IF resets[i] > 0 THEN verdicts[i] := 1; ELSE waited := true; END IF;
        END IF;
        is_admitted := is_admitted AND verdicts[i] = 0;
    END LOOP;
    IF is_admitted THEN
        FOR i IN 1 .. cardinality(subjects) LOOP
            INSERT INTO attempts AS a (subject, slice, open, expires_at)
            VALUES (subjects[i], slices[i], 1, present_time + make_interval(secs => window_seconds[i] * 1.05))
            ON CONFLICT (subject, slice) DO UPDATE SET open = a.open + 1;
        END LOOP;
        IF waited THEN DELETE FROM delayed_attempts d WHERE d.subject = visitor; END IF;
    END IF;
    RETURN QUERY SELECT * FROM unnest(verdicts, totals, resets, slices);
END $$;

-- The outcome of an attempt that was counted as open: forgotten when it succeeded, counted when it failed.
CREATE FUNCTION settle_attempt(subjects bytea[], slices bigint[], has_failed boolean) RETURNS void
LANGUAGE sql AS $$
    SELECT lock_attempts(subjects);
    UPDATE attempts a SET open = greatest(a.open - 1, 0), failed = a.failed + has_failed::integer
    FROM unnest(subjects, slices) AS of (subject, slice) WHERE a.subject = of.subject AND a.slice = of.slice
$$;
