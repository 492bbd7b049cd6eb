-- The trace (W3C traceparent) of the request that wrote a message, so that whoever acts on the message goes on with it.
ALTER TABLE outbox ADD COLUMN trace text;
