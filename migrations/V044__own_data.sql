-- Users export everything that is stored about them, and delete their accounts after a grace period.

-- Accounts that their owners want to be deleted. Until then they can sign in, export their data and change their mind.
CREATE TABLE account_deletions (
    user_id      bigint CONSTRAINT account_deletions_pkey PRIMARY KEY
                 CONSTRAINT account_deletions_user_id_fkey REFERENCES users ON DELETE CASCADE,
    requested_at timestamptz NOT NULL DEFAULT now(),
    deletion_at  timestamptz NOT NULL,
    -- How often erasing it failed, and when it is tried again; when it is tried first.
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL
);
CREATE INDEX account_deletions_deletion_at_idx ON account_deletions (deletion_at);
CREATE INDEX account_deletions_due_at_idx ON account_deletions (due_at, user_id);

-- Processes remember who a token belongs to, and what its user may do.
CREATE FUNCTION notify_account_deletion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('user_changed', coalesce(NEW.user_id, OLD.user_id)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER account_deletions_changed AFTER INSERT OR DELETE ON account_deletions
    FOR EACH ROW EXECUTE FUNCTION notify_account_deletion();

-- Ids of accounts that are gone, whoever deleted them: nothing may refer to them any more (personal_data_columns).
CREATE TABLE account_erasures (
    user_id   bigint CONSTRAINT account_erasures_pkey PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION note_account_erasures() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO account_erasures (user_id) SELECT id FROM gone ORDER BY id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER users_erased AFTER DELETE ON users
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_account_erasures();

-- Every column that names a user or tells something of one, and what becomes of it: a test finds columns that are missing here.
-- Whoever adds such a column adds a row; if it is exported, a view with what its user gets to see, whose column user_id says whose it is;
-- if it is not deleted with the account by a foreign key, a function in personal_data.
CREATE TABLE personal_data_columns (
    relation    text NOT NULL,
    column_name text NOT NULL,
    -- The view that exports it, whose name without `exported_` is that of the file; NULL: it is not exported.
    exported_by text,
    -- When the account is erased: its row is deleted; it becomes NULL; it is kept.
    on_erasure  text NOT NULL CONSTRAINT personal_data_columns_on_erasure_check CHECK (on_erasure IN ('deleted', 'cleared', 'kept')),
    -- Which rows `r` may not name an account that is erased, if the column has ids of accounts.
    erased_rows text,
    reason      text NOT NULL,
    CONSTRAINT personal_data_columns_pkey PRIMARY KEY (relation, column_name)
);

CREATE VIEW exported_account AS
    SELECT u.id AS user_id, u.email, u.email_verified_at, u.full_name, u.is_active, u.is_superuser, u.created_at, u.updated_at, d.deletion_at
    FROM users u LEFT JOIN account_deletions d ON d.user_id = u.id;
CREATE VIEW exported_sessions AS
    SELECT s.user_id, s.id, s.device, host(s.address) AS address, s.created_at, s.used_at, s.expires_at FROM sessions s;
CREATE VIEW exported_api_tokens AS
    SELECT t.user_id, t.id, t.name, t.scopes, t.created_at, t.expires_at, t.used_at FROM api_tokens t;
-- What the user did, and what was done to the account: by whom else and from where is not the user's.
CREATE VIEW exported_audit_events AS
    SELECT e.actor_id AS user_id, e.id, e.created_at, e.action, e.object_type, e.object_id, host(e.address) AS address, e.request_id
    FROM audit_events e;
CREATE VIEW exported_audit_events_of_account AS
    SELECT u.id AS user_id, e.id, e.created_at, e.action
    FROM users u JOIN audit_events e ON e.object_type = 'user' AND e.object_id = u.id::text AND e.actor_id IS DISTINCT FROM u.id;
CREATE VIEW exported_openid_identities AS
    SELECT i.user_id, i.id, i.issuer, i.subject, i.email, i.created_at, i.used_at FROM openid_identities i;
CREATE VIEW exported_passkeys AS
    SELECT k.user_id, k.id, k.name, k.created_at, k.used_at FROM passkeys k;
CREATE VIEW exported_totp AS
    SELECT t.user_id, t.created_at, t.confirmed_at FROM totp_secrets t;
CREATE VIEW exported_projects AS
    SELECT p.owner_id AS user_id, p.id, p.title, p.description, p.created_at, p.updated_at FROM projects p ORDER BY p.owner_id, p.id;
CREATE VIEW exported_tasks AS
    SELECT t.owner_id AS user_id, t.id, t.project_id, t.title, t.description, t.status, t.due_date, t.assignee_id, t.created_at, t.updated_at
    FROM tasks t ORDER BY t.owner_id, t.id;
CREATE VIEW exported_assigned_tasks AS
    SELECT t.assignee_id AS user_id, t.id, t.project_id, t.title, t.description, t.status, t.due_date, t.created_at, t.updated_at
    FROM tasks t WHERE t.owner_id <> t.assignee_id ORDER BY t.assignee_id, t.id;
CREATE VIEW exported_webhook_deliveries AS
    SELECT d.recipient AS user_id, d.id, d.service, d.operation, d.method, d.url, d.state, d.attempts, d.created_at
    FROM webhook_deliveries d WHERE d.recipient > 0;
CREATE VIEW exported_orders AS
    SELECT o.user_id, o.id, o.status, o.reason, o.total_cents, o.currency, o.expires_at, o.created_at, o.updated_at,
        (SELECT coalesce(json_agg(json_build_object('product_id', i.product_id, 'sku', i.sku, 'name', i.name, 'quantity', i.quantity,
                                                    'unit_price_cents', i.unit_price_cents) ORDER BY i.id), '[]')
         FROM order_items i WHERE i.order_id = o.id) AS items,
        (SELECT coalesce(json_agg(json_build_object('kind', e.kind, 'status', e.status, 'reason', e.reason, 'at', e.at) ORDER BY e.id), '[]')
         FROM order_events e WHERE e.order_id = o.id) AS events
    FROM orders o ORDER BY o.user_id, o.id;
-- Without views that somebody without a token says to be the user's.
CREATE VIEW exported_page_views AS
    SELECT v.user_id, v.id, v.created_at, p.path, v.country, v.referrer, v.device, v.visitor, v.bot, v.event_id
    FROM page_views v JOIN paths p ON p.id = v.path_id WHERE NOT v.user_claimed;

INSERT INTO personal_data_columns (relation, column_name, exported_by, on_erasure, erased_rows, reason) VALUES
    ('users', 'email', 'exported_account', 'deleted', NULL, 'of the account'),
    ('users', 'email_key', NULL, 'deleted', NULL, 'computed from the e-mail'),
    ('users', 'email_verified_at', 'exported_account', 'deleted', NULL, 'of the account'),
    ('mails', 'user_id', NULL, 'deleted', 'true', 'what is not sent yet; the user gets it by mail'),
    ('mails', 'recipient', NULL, 'deleted', NULL, 'the e-mail of the account, or the one that it is to have'),
    ('mails', 'subject', NULL, 'deleted', NULL, 'the subject of a mail'),
    ('email_requests', 'user_id', NULL, 'deleted', 'true', 'until the mail is written'),
    ('email_requests', 'email', NULL, 'deleted', NULL, 'until the mail is written; what a stranger typed is nobody''s, and gone as soon'),
    ('email_tokens', 'user_id', NULL, 'deleted', 'true', 'hashes of tokens, for a day'),
    ('email_tokens', 'email', NULL, 'deleted', NULL, 'the e-mail of the account, or the one that it was to have, for a day'),
    ('email_tokens', 'recipient_key', NULL, 'deleted', NULL, 'computed from the e-mail'),
    ('openid_identities', 'user_id', 'exported_openid_identities', 'deleted', 'true', 'accounts at providers to sign in with'),
    ('openid_identities', 'email', 'exported_openid_identities', 'deleted', NULL, 'as the provider said it'),
    ('openid_identities', 'subject', 'exported_openid_identities', 'deleted', NULL, 'the id of the account at the provider'),
    ('passkeys', 'user_id', 'exported_passkeys', 'deleted', 'true', 'without public keys, which authenticators have as well'),
    ('passkeys', 'user_handle', NULL, 'deleted', NULL, 'random bytes, which authenticators know the user by'),
    ('passkey_registrations', 'user_id', NULL, 'deleted', 'true', 'a challenge, for minutes'),
    ('totp_secrets', 'user_id', 'exported_totp', 'deleted', 'true', 'without the secret'),
    ('recovery_codes', 'user_id', NULL, 'deleted', 'true', 'hashes of codes'),
    ('account_deletions', 'user_id', 'exported_account', 'deleted', 'true', 'of the account'),
    ('sessions', 'user_id', 'exported_sessions', 'deleted', 'true', 'without refresh tokens, of which hashes are stored'),
    ('sessions', 'address', 'exported_sessions', 'deleted', NULL, 'of its user'),
    ('api_tokens', 'user_id', 'exported_api_tokens', 'deleted', 'true', 'without the hash of the token'),
    ('revoked_tokens', 'user_id', NULL, 'deleted', 'true', 'ids of tokens, until these would have expired'),
    ('known_addresses', 'user_id', NULL, 'deleted', 'true', 'keyed hashes of addresses, which mean nothing to anybody'),
    ('known_addresses', 'address', NULL, 'deleted', NULL, 'a keyed hash'),
    ('attempts', 'subject', NULL, 'kept', NULL, 'a keyed hash, which is deleted within hours'),
    ('delayed_attempts', 'subject', NULL, 'kept', NULL, 'a keyed hash, which is deleted within minutes'),
    ('idempotency_keys', 'user_id', NULL, 'deleted', 'true', 'copies of responses, which the user got, for 24 hours'),
    ('audit_events', 'actor_id', 'exported_audit_events', 'kept', NULL, 'ids without names: who did what must stay provable for 400 days'),
    ('audit_events', 'object_id', 'exported_audit_events_of_account', 'kept', NULL, 'ids without names, for 400 days'),
    ('audit_events', 'address', 'exported_audit_events', 'kept', NULL, 'evidence of misuse of accounts, for 400 days'),
    ('projects', 'owner_id', 'exported_projects', 'deleted', 'true', 'with its tasks'),
    ('tasks', 'owner_id', 'exported_tasks', 'deleted', 'true', 'with its project'),
    ('tasks', 'assignee_id', 'exported_assigned_tasks', 'cleared', 'true', 'the task is that of the owner of its project'),
    ('webhook_deliveries', 'recipient', 'exported_webhook_deliveries', 'deleted', 'true', 'without bodies, which are for the receiver'),
    ('orders', 'user_id', 'exported_orders', 'cleared', 'true', 'what was sold stays in the books; what is not paid is cancelled'),
    ('page_views', 'user_id', 'exported_page_views', 'deleted',
     'NOT r.user_claimed AND NOT EXISTS (SELECT FROM page_view_erasures p WHERE p.user_id = r.user_id)',
     'by analytics, soon after the account; strangers may go on naming any id'),
    ('page_views', 'user_claimed', NULL, 'deleted', NULL, 'whether it is only said to be the user''s'),
    ('page_views', 'visitor', 'exported_page_views', 'deleted', NULL, 'a hash with a salt of its day'),
    ('page_view_events', 'reporter', NULL, 'kept', NULL, 'a hash that is different for each event, deleted within days'),
    ('page_view_erasures', 'user_id', NULL, 'kept', NULL, 'the note that page views are to be erased, deleted when they are'),
    ('account_erasures', 'user_id', NULL, 'kept', NULL, 'the id alone, to prove that nothing else is left');

-- Opens the cursor `personal_data` on what a view exports of a user, each row as JSON: whoever reads it needs no right to the tables of
-- other services. Of the views that are registered only.
CREATE FUNCTION open_personal_data(export text, owner bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    found refcursor := 'personal_data';
BEGIN
    IF NOT EXISTS (SELECT FROM personal_data_columns c WHERE c.exported_by = export) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('%s exports nothing', export);
    END IF;
    OPEN found NO SCROLL FOR EXECUTE format('SELECT row_to_json(v)::text FROM %I v WHERE v.user_id = $1', export) USING owner;
END $$;

-- What still names accounts that are erased, a line for each of them and each column: nothing. (Scripts may create an account with the id of another one.)
CREATE FUNCTION leftovers_of_erased_accounts() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
    part personal_data_columns;
BEGIN
    FOR part IN SELECT * FROM personal_data_columns c WHERE c.erased_rows IS NOT NULL ORDER BY c.relation, c.column_name LOOP
        RETURN QUERY EXECUTE format(
            'SELECT format(%L, %L, %L, e.user_id, count(*)) FROM account_erasures e JOIN %I r ON r.%I = e.user_id
             WHERE (%s) AND NOT EXISTS (SELECT FROM users u WHERE u.id = e.user_id) GROUP BY e.user_id ORDER BY e.user_id',
            '%s.%s: user %s is erased, and in %s rows', part.relation, part.column_name, part.relation, part.column_name, part.erased_rows);
    END LOOP;
END $$;
