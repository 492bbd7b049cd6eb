-- Second factors: one-time codes (TOTP, RFC 6238) with recovery codes, and passkeys (WebAuthn).

CREATE TABLE totp_secrets (
    user_id      bigint CONSTRAINT totp_secrets_pkey PRIMARY KEY CONSTRAINT totp_secrets_user_id_fkey REFERENCES users ON DELETE CASCADE,
    -- Another one for each secret: what was checked with one does not count for its successor.
    id           uuid NOT NULL,
    -- Encrypted with a key that is not in the database.
    secret       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- When its user proved to have it. Until then nobody is asked for a code.
    confirmed_at timestamptz,
    -- The time step of the last code that was used: each is valid once.
    last_step    bigint NOT NULL DEFAULT 0,
    -- Codes that were tried since the last right one, and when.
    attempts     integer NOT NULL DEFAULT 0,
    attempted_at timestamptz NOT NULL DEFAULT now()
);

-- Each is used once, and deleted by that.
CREATE TABLE recovery_codes (
    user_id bigint NOT NULL CONSTRAINT recovery_codes_user_id_fkey REFERENCES users ON DELETE CASCADE,
    -- SHA-256 of 100 random bits.
    hash    bytea NOT NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash),
    CONSTRAINT recovery_codes_hash_check CHECK (octet_length(hash) = 32)
);

CREATE TABLE passkeys (
    id            uuid CONSTRAINT passkeys_pkey PRIMARY KEY,
    user_id       bigint NOT NULL CONSTRAINT passkeys_user_id_fkey REFERENCES users ON DELETE CASCADE,
    credential_id bytea NOT NULL CONSTRAINT passkeys_credential_id_key UNIQUE,
    -- By which authenticators know the user: random, so that it tells nothing.
    user_handle   bytea NOT NULL CONSTRAINT passkeys_user_handle_check CHECK (octet_length(user_handle) = 64),
    name          text NOT NULL CONSTRAINT passkeys_name_check CHECK (char_length(name) <= 100),
    -- The public key, and what of the credential never changes.
    static_state  bytea NOT NULL,
    -- The signature counter, and what else each use may change.
    dynamic_state bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    used_at       timestamptz
);
CREATE INDEX passkeys_user_id_idx ON passkeys (user_id, created_at);

-- The challenge of a user who registers a passkey: one, the last.
CREATE TABLE passkey_registrations (
    user_id    bigint CONSTRAINT passkey_registrations_pkey PRIMARY KEY
        CONSTRAINT passkey_registrations_user_id_fkey REFERENCES users ON DELETE CASCADE,
    state      bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Challenges of those who sign in, who are nobody yet: a new one takes a random slot, so that there are never more than there are slots.
CREATE TABLE passkey_logins (
    slot       integer CONSTRAINT passkey_logins_pkey PRIMARY KEY,
    challenge  bytea NOT NULL CONSTRAINT passkey_logins_challenge_key UNIQUE,
    state      bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

-- How the user of a session was authenticated (RFC 8176).
ALTER TABLE sessions ADD COLUMN amr text[] NOT NULL DEFAULT '{pwd}';

-- The secret of a user's codes, to try one, if it is confirmed or not, as wanted. The attempt is counted before it is made, so that of many at once no more are made than may be:
-- `free` ones after each right one, later ones each after a delay that doubles from `first_delay` to `last_delay`. Then there is
-- no secret in the result, but how long it takes until there is.
CREATE FUNCTION totp_attempt(account bigint, confirmed boolean, free integer, first_delay interval, last_delay interval)
RETURNS TABLE (id uuid, secret bytea, is_confirmed boolean, wait_seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    its totp_secrets;
    delay interval := '0';
BEGIN
    SELECT t.* INTO its FROM totp_secrets t WHERE t.user_id = account FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF (its.confirmed_at IS NOT NULL) <> confirmed THEN
        RETURN QUERY SELECT its.id, NULL::bytea, NOT confirmed, 0.0::double precision;
        RETURN;
    END IF;
    IF its.attempts >= free THEN
        -- 2^20 of any delay is more than the last one.
        delay := least(last_delay, first_delay * power(2, least(its.attempts - free, 20)));
    END IF;
    IF its.attempted_at + delay > clock_timestamp() THEN
        RETURN QUERY SELECT its.id, NULL::bytea, confirmed,
            extract(epoch FROM its.attempted_at + delay - clock_timestamp())::double precision;
        RETURN;
    END IF;
    UPDATE totp_secrets t SET attempts = its.attempts + 1, attempted_at = clock_timestamp() WHERE t.user_id = account;
    RETURN QUERY SELECT its.id, its.secret, confirmed, 0.0::double precision;
END $$;

-- Begins a session of a user who was authenticated in this way.
CREATE FUNCTION begin_session(
    session uuid, owner bigint, of_epoch bigint, token bytea, of_device text, of_address inet, idle interval, life interval, most integer,
    methods text[]
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_session(session, owner, of_epoch, token, of_device, of_address, idle, life, most);
    UPDATE sessions s SET amr = methods WHERE s.id = session AND s.amr <> methods;
END $$;
