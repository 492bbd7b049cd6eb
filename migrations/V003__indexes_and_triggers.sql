-- What reads need to be fast, what writes must keep true, and the bell that tells every process a user changed.

-- Keyset pages walk these in id order inside one owner, project or assignee.
CREATE INDEX IF NOT EXISTS projects_owner_id_id_idx ON projects (owner_id, id);
CREATE INDEX IF NOT EXISTS tasks_project_id_id_idx ON tasks (project_id, id);
CREATE INDEX IF NOT EXISTS tasks_assignee_id_id_idx ON tasks (assignee_id, id);
-- Logins ignore the case of an e-mail address; deployed databases may hold two that differ by it, so it is not unique.
CREATE INDEX IF NOT EXISTS users_lower_email_idx ON users (lower(email));
CREATE INDEX IF NOT EXISTS revoked_tokens_user_id_idx ON revoked_tokens (user_id);
CREATE INDEX IF NOT EXISTS revoked_tokens_expires_at_idx ON revoked_tokens (expires_at);

-- Text search works without pg_trgm, only slower.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS projects_text_idx ON projects USING gin (title gin_trgm_ops, description gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS tasks_text_idx ON tasks USING gin (title gin_trgm_ops, description gin_trgm_ops);
EXCEPTION WHEN undefined_file OR feature_not_supported OR insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no trigram index for text search: %', SQLERRM;
END $$;

-- updated_at strictly grows with every change, so that an ETag made of it never repeats, whatever the clock does.
CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := greatest(clock_timestamp(), coalesce(OLD.updated_at, OLD.created_at) + interval '1 microsecond');
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();
CREATE OR REPLACE TRIGGER projects_touch BEFORE UPDATE ON projects
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();
CREATE OR REPLACE TRIGGER tasks_touch BEFORE UPDATE ON tasks
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch_updated_at();

-- Every process may remember who a token belongs to; this makes it forget, also when a user is changed by hand.
CREATE OR REPLACE FUNCTION notify_user_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('user_changed', OLD.id::text);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER users_changed AFTER UPDATE OF is_active, is_superuser, hashed_password, session_epoch ON users
    FOR EACH ROW WHEN ((OLD.is_active, OLD.is_superuser, OLD.hashed_password, OLD.session_epoch)
                       IS DISTINCT FROM (NEW.is_active, NEW.is_superuser, NEW.hashed_password, NEW.session_epoch))
    EXECUTE FUNCTION notify_user_changed();
CREATE OR REPLACE TRIGGER users_deleted AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION notify_user_changed();
