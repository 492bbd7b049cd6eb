-- The answers to requests that named themselves by an Idempotency-Key, written in the transaction of their effect. For 24 hours
-- a row is the answer to whoever sends the request again; after that it counts as absent, may be replaced, and is deleted.
CREATE TABLE idempotency_keys (
    user_id     bigint NOT NULL CONSTRAINT idempotency_keys_user_id_fkey REFERENCES users ON DELETE CASCADE,
    key         varchar(255) NOT NULL,
    -- A hash of what was asked: the same key with another fingerprint is refused.
    fingerprint bytea NOT NULL CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 16),
    status      smallint NOT NULL CONSTRAINT idempotency_keys_status_check CHECK (status BETWEEN 200 AND 499),
    -- Name, value, name, value, ...
    headers     text[] NOT NULL CONSTRAINT idempotency_keys_headers_check CHECK (cardinality(headers) % 2 = 0),
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
