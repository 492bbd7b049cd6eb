-- Who did what, from where, when: rights, accounts, erasures, exports, dead letters. Written in the transaction of its effect, never
-- changed, deleted only when it is older than 400 days. What it names may be gone: nothing here refers to other tables.
CREATE TABLE audit_events (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_events_pkey PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: somebody without a token.
    actor_id    bigint,
    -- The client's; NULL where it could not be told.
    address     inet,
    action      text NOT NULL CONSTRAINT audit_events_action_check CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    object_type text NOT NULL CONSTRAINT audit_events_object_type_check CHECK (object_type ~ '^[a-z_]+$'),
    object_id   text CONSTRAINT audit_events_object_id_check CHECK (char_length(object_id) <= 255),
    request_id  text
);
CREATE INDEX audit_events_actor_id_id_idx ON audit_events (actor_id, id);
CREATE INDEX audit_events_object_idx ON audit_events (object_type, object_id, id);
CREATE INDEX audit_events_action_id_idx ON audit_events (action, id);
CREATE INDEX audit_events_created_at_idx ON audit_events (created_at);

-- Also for whoever owns the table: to change history one has to take the trigger away, which is seen.
CREATE FUNCTION keep_audit_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.created_at < now() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_events is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_events_kept BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION keep_audit_events();
CREATE TRIGGER audit_events_kept_all BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_events();

-- What services delete is deleted by this, so that they need no right to delete; see migrations/privileges.
CREATE FUNCTION forget_audit_events(most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$
    WITH gone AS (
        DELETE FROM audit_events WHERE id = ANY (ARRAY(
            SELECT id FROM audit_events WHERE created_at < now() - interval '400 days'
            ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED)) RETURNING 1)
    SELECT count(*) FROM gone
$$;
