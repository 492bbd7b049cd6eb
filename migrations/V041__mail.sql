-- Mail: what is to be sent, requests for mails about accounts, and the tokens in them. Of tokens only hashes (SHA-256) are stored: they have
-- 178 random bits.

-- The mails that have not been sent yet, written in the transaction of their cause and deleted once the mail server has taken them.
CREATE TABLE mails (
    -- The left part of the Message-ID of every attempt.
    id         uuid CONSTRAINT mails_pkey PRIMARY KEY,
    -- Whose account it is about: it goes with the account.
    user_id    bigint CONSTRAINT mails_user_id_fkey REFERENCES users ON DELETE CASCADE,
    recipient  text NOT NULL,
    subject    text NOT NULL,
    text       text NOT NULL,
    html       text NOT NULL,
    -- Those that the mail server refused for now.
    attempts   integer NOT NULL DEFAULT 0,
    -- When it is attempted next. Whoever attempts it sets this to the time at which others may believe that it died.
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- After this it is of no use to anybody.
    expires_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX mails_due_at_idx ON mails (due_at);
CREATE INDEX mails_expires_at_idx ON mails (expires_at);
CREATE INDEX mails_user_id_idx ON mails (user_id);

-- Wishes of clients for such mails. A request is only written down, with the same work whether or not there is such an account; a
-- background job of one service looks the account up.
CREATE TABLE email_requests (
    id         uuid CONSTRAINT email_requests_pkey PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT email_requests_kind_check CHECK (kind IN ('verify', 'change', 'reset')),
    -- Who asks; NULL: somebody without a token.
    user_id    bigint CONSTRAINT email_requests_user_id_fkey REFERENCES users ON DELETE CASCADE,
    -- users.session_epoch at the request: what was allowed by an older password is void.
    epoch      bigint,
    -- The new address of a change; what was typed for a reset.
    email      text CONSTRAINT email_requests_email_check CHECK (char_length(email) <= 320),
    attempts   integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT email_requests_fields_check CHECK (CASE kind
        WHEN 'verify' THEN user_id IS NOT NULL AND email IS NULL
        WHEN 'change' THEN user_id IS NOT NULL AND email IS NOT NULL
        ELSE user_id IS NULL AND email IS NOT NULL END)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX email_requests_due_at_idx ON email_requests (due_at);
CREATE INDEX email_requests_user_id_idx ON email_requests (user_id);

CREATE TABLE email_tokens (
    hash          bytea CONSTRAINT email_tokens_pkey PRIMARY KEY,
    user_id       bigint NOT NULL CONSTRAINT email_tokens_user_id_fkey REFERENCES users ON DELETE CASCADE,
    -- `taken`: of a notice to the owner of an address that somebody else wants. Nobody has the token; the row is counted.
    kind          text NOT NULL CONSTRAINT email_tokens_kind_check CHECK (kind IN ('verify', 'change', 'reset', 'taken')),
    -- The address that it was sent to, which whoever has it can read.
    email         text NOT NULL,
    -- The key of all spellings of that address: what may be sent to it within an hour is limited.
    recipient_key text NOT NULL,
    -- users.session_epoch: a new password or address voids what was sent before.
    epoch         bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    CONSTRAINT email_tokens_hash_check CHECK (octet_length(hash) = 32)
);
CREATE INDEX email_tokens_recipient_key_idx ON email_tokens (recipient_key, created_at);
CREATE INDEX email_tokens_user_id_idx ON email_tokens (user_id);
CREATE INDEX email_tokens_created_at_idx ON email_tokens (created_at);

-- When the user proved to receive mail at `email`.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

-- Another address is not verified, whoever changes it, unless the same statement says so.
CREATE FUNCTION forget_verified_email() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.email_verified_at IS NOT DISTINCT FROM OLD.email_verified_at THEN
        NEW.email_verified_at := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_email_verified BEFORE UPDATE OF email ON users
    FOR EACH ROW WHEN (NEW.email IS DISTINCT FROM OLD.email) EXECUTE FUNCTION forget_verified_email();

-- Verifying is no change of the user that the API shows.
CREATE OR REPLACE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (to_jsonb(OLD) - '{login_key,session_epoch,email_verified_at}'::text[]
        IS DISTINCT FROM to_jsonb(NEW) - '{login_key,session_epoch,email_verified_at}'::text[])
    EXECUTE FUNCTION touch_updated_at();
