-- Sessions, which a login begins and refresh tokens continue, and API tokens. Of tokens only hashes (SHA-256) are stored: they have 178
-- random bits, so that nothing is gained by guessing.

CREATE TABLE sessions (
    -- `sid` of its access tokens.
    id         uuid CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id    bigint NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users ON DELETE CASCADE,
    -- users.session_epoch at the login: a new password ends every session.
    epoch      bigint NOT NULL,
    device     text CONSTRAINT sessions_device_check CHECK (char_length(device) <= 200),
    address    inet,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The last login or refresh.
    used_at    timestamptz NOT NULL DEFAULT now(),
    -- When it ends if it is not refreshed until then, and when it ends in any case.
    expires_at timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id, used_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash       bytea CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_id_fkey REFERENCES sessions ON DELETE CASCADE,
    -- When it was exchanged for its successor: one of each session is not.
    used_at    timestamptz,
    CONSTRAINT refresh_tokens_hash_check CHECK (octet_length(hash) = 32)
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id, used_at);

CREATE TABLE api_tokens (
    id         uuid CONSTRAINT api_tokens_pkey PRIMARY KEY,
    user_id    bigint NOT NULL CONSTRAINT api_tokens_user_id_fkey REFERENCES users ON DELETE CASCADE,
    hash       bytea NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE,
    name       text NOT NULL CONSTRAINT api_tokens_name_check CHECK (char_length(name) <= 100),
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT api_tokens_hash_check CHECK (octet_length(hash) = 32)
);
CREATE INDEX api_tokens_user_id_idx ON api_tokens (user_id, created_at);

-- Refuses what has this id until its tokens have expired: an access token (`jti`), those of a session (`sid`), an API token. Deletes more
-- expired rows than it adds.
CREATE FUNCTION revoke(token uuid, owner bigint, until timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM revoked_tokens WHERE ctid = ANY (ARRAY(
        SELECT r.ctid FROM revoked_tokens r WHERE r.expires_at < now() - interval '1 hour' ORDER BY r.expires_at LIMIT 100));
    INSERT INTO revoked_tokens (jti, user_id, expires_at) SELECT token, u.id, until FROM users u WHERE u.id = owner
    ON CONFLICT (jti) DO NOTHING;
    PERFORM pg_notify('token_revoked', token::text);
END $$;

-- Begins a session. Deletes more expired ones than it adds, and of those of the user all but the most recently used.
CREATE FUNCTION begin_session(
    session uuid, owner bigint, of_epoch bigint, token bytea, of_device text, of_address inet, idle interval, life interval, most integer
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions WHERE id = ANY (ARRAY(
        SELECT s.id FROM sessions s WHERE s.expires_at < now() ORDER BY s.expires_at LIMIT 20 FOR UPDATE SKIP LOCKED));
    DELETE FROM sessions WHERE id = ANY (ARRAY(
        SELECT s.id FROM sessions s WHERE s.user_id = owner ORDER BY s.used_at DESC OFFSET most - 1 LIMIT 20 FOR UPDATE SKIP LOCKED));
    INSERT INTO sessions (id, user_id, epoch, device, address, expires_at, ends_at)
    VALUES (session, owner, of_epoch, of_device, of_address, now() + least(idle, life), now() + life);
    INSERT INTO refresh_tokens (hash, session_id) VALUES (token, session);
END $$;

-- Ends a session of a user; its access tokens have expired after `access`. False when there is none.
CREATE FUNCTION end_session(session uuid, owner bigint, access interval) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sessions s WHERE s.id = session AND s.user_id = owner;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM revoke(session, owner, now() + access);
    RETURN true;
END $$;

-- Exchanges a refresh token for its successor. `outcome`: `continued`; `reused`, and the session is ended; no row when the token is unknown or
-- its session is over. Each statement sees what was committed before it, and whoever has the lock on the session decides alone.
CREATE FUNCTION refresh_session(
    token bytea, successor bytea, of_device text, of_address inet, idle interval, access interval, most_used integer
) RETURNS TABLE (outcome text, session uuid, owner bigint, epoch bigint, is_superuser boolean, expires_in double precision)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    its_id uuid := (SELECT t.session_id FROM refresh_tokens t WHERE t.hash = token);
    its sessions;
    used timestamptz;
BEGIN
    SELECT s.* INTO its FROM sessions s WHERE s.id = its_id FOR UPDATE;
    IF its.id IS NULL OR its.expires_at <= clock_timestamp() THEN
        RETURN;
    END IF;
    SELECT t.used_at INTO used FROM refresh_tokens t WHERE t.hash = token;
    IF NOT FOUND THEN
        RETURN;
    ELSIF used IS NOT NULL THEN
        PERFORM end_session(its.id, its.user_id, access);
        RETURN QUERY SELECT 'reused', its.id, its.user_id, its.epoch, false, 0.0::double precision;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'continued', its.id, u.id, u.session_epoch, u.is_superuser,
            extract(epoch FROM least(idle, its.ends_at - now()))::double precision
        FROM users u WHERE u.id = its.user_id AND u.is_active AND u.session_epoch = its.epoch;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE refresh_tokens SET used_at = now() WHERE hash = token;
    -- What was used before a session may be idle for so long is unknown from now on, and so is it after many others.
    DELETE FROM refresh_tokens WHERE session_id = its.id AND used_at < now() - idle;
    DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY(
        SELECT t.hash FROM refresh_tokens t WHERE t.session_id = its.id AND t.used_at IS NOT NULL
        ORDER BY t.used_at DESC OFFSET most_used LIMIT 20));
    INSERT INTO refresh_tokens (hash, session_id) VALUES (successor, its.id);
    UPDATE sessions s SET used_at = now(), expires_at = now() + least(idle, its.ends_at - now()), device = of_device, address = of_address
    WHERE s.id = its.id;
END $$;

-- Ends all sessions of a user, but the current one if it is given. Without one, access tokens that are in no session any more end as well.
CREATE FUNCTION end_sessions(owner bigint, current uuid, access interval) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ended uuid;
BEGIN
    FOR ended IN DELETE FROM sessions s WHERE s.user_id = owner AND s.id IS DISTINCT FROM current RETURNING s.id LOOP
        PERFORM revoke(ended, owner, now() + access);
    END LOOP;
    IF current IS NULL THEN
        UPDATE users SET session_epoch = session_epoch + 1 WHERE id = owner;
    END IF;
END $$;

-- Logging out everywhere is no change of the user that anybody sees.
CREATE OR REPLACE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (to_jsonb(OLD) - '{login_key,session_epoch}'::text[] IS DISTINCT FROM to_jsonb(NEW) - '{login_key,session_epoch}'::text[])
    EXECUTE FUNCTION touch_updated_at();
