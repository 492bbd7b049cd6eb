-- Requests that services send, webhooks and callbacks: written in the transaction of what they tell of, deleted once they are
-- received. What was given up stays for 30 days, to be sent again or discarded by hand (docs/operations.md).
CREATE TABLE webhook_deliveries (
    -- The webhook-id of every attempt.
    id          uuid CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
    -- Which service sends it: services share the table, each its own rows.
    service     text NOT NULL,
    -- The account that asked for it; 0: the operator. Its quota, its secret, and its turn.
    recipient   bigint NOT NULL CONSTRAINT webhook_deliveries_recipient_check CHECK (recipient >= 0),
    -- The name of the webhook or callback in the service's document.
    operation   text NOT NULL,
    -- Of the URL, with the port. Requests to one host wait for each other, not for those to others.
    host        text COLLATE "C" NOT NULL,
    method      text NOT NULL,
    url         text NOT NULL,
    -- Name, value, name, value, ...
    headers     text[] NOT NULL CONSTRAINT webhook_deliveries_headers_check CHECK (cardinality(headers) % 2 = 0),
    body        bytea NOT NULL CONSTRAINT webhook_deliveries_body_check CHECK (octet_length(body) <= 1048576),
    -- The trace (W3C traceparent) of the request that wrote it.
    trace       text,
    state       text NOT NULL DEFAULT 'pending' CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('pending', 'failed')),
    -- Failed ones. An attempt that its process did not survive does not count.
    attempts    integer NOT NULL DEFAULT 0,
    -- When it is attempted next. Whoever attempts it sets this to the time at which others may believe that it died.
    due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- What the last attempt failed of.
    last_status smallint,
    last_error  text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    failed_at   timestamptz,
    CONSTRAINT webhook_deliveries_failed_at_check CHECK ((state = 'failed') = (failed_at IS NOT NULL))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
-- Also counts what waits for a recipient. `due_at` last: the first row of each recipient and host tells whether there is anything to do.
CREATE INDEX webhook_deliveries_due_idx ON webhook_deliveries (service, recipient, host, due_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_failed_at_idx ON webhook_deliveries (service, failed_at) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_recipient_idx ON webhook_deliveries (recipient) WHERE recipient > 0;

-- What was to be told to an account, or about it at its wish, goes with it.
CREATE FUNCTION erase_webhook_deliveries(owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
        SELECT id FROM webhook_deliveries
        WHERE recipient = owner AND recipient > 0 LIMIT most));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
INSERT INTO personal_data (erased_by, place) VALUES ('erase_webhook_deliveries', 15);
