-- Whose a task is stands in its row, so that what one may see is found by an index, however much one owns or is assigned.

ALTER TABLE tasks ADD COLUMN owner_id bigint;

-- Times that no date-time can write (and infinity) broke every list they were in. Nothing here is a change of the task's: the
-- trigger that dates changes rests meanwhile.
ALTER TABLE tasks DISABLE TRIGGER tasks_touch;
UPDATE tasks SET due_date = greatest(least(due_date, '9999-12-31 23:59:59.999999+00'), '0001-01-01 00:00:00+00')
WHERE due_date IS NOT NULL AND due_date NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00';
UPDATE tasks t SET owner_id = p.owner_id FROM projects p WHERE p.id = t.project_id;
ALTER TABLE tasks ENABLE TRIGGER tasks_touch;

ALTER TABLE tasks ALTER COLUMN owner_id SET NOT NULL;
ALTER TABLE tasks ADD CONSTRAINT tasks_due_date_check
    CHECK (due_date BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00');

-- The lock is the one the foreign key takes a moment later; it keeps the project from changing hands meanwhile.
CREATE FUNCTION set_task_owner() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner_id := (SELECT p.owner_id FROM projects p WHERE p.id = NEW.project_id FOR KEY SHARE);
    -- No such project: refused by the foreign key, at the end of the statement.
    NEW.owner_id := coalesce(NEW.owner_id, 0);
    RETURN NEW;
END $$;
CREATE TRIGGER tasks_owner BEFORE INSERT OR UPDATE OF project_id, owner_id ON tasks
    FOR EACH ROW EXECUTE FUNCTION set_task_owner();

-- A project changes hands by SQL only. The lock waits for those who are about to add tasks to it, and keeps others from it.
CREATE FUNCTION lock_project() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM projects WHERE id = OLD.id FOR UPDATE;
    RETURN NEW;
END $$;
CREATE TRIGGER projects_owner_lock BEFORE UPDATE OF owner_id ON projects
    FOR EACH ROW WHEN (OLD.owner_id <> NEW.owner_id) EXECUTE FUNCTION lock_project();
CREATE FUNCTION set_owner_of_tasks() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET owner_id = NEW.owner_id WHERE project_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER projects_owner AFTER UPDATE OF owner_id ON projects
    FOR EACH ROW WHEN (OLD.owner_id <> NEW.owner_id) EXECUTE FUNCTION set_owner_of_tasks();

-- Every order of a list, within everything a list can be of: a page costs what it shows. (By id within a project and an assignee:
-- V003.)
CREATE INDEX IF NOT EXISTS projects_owner_id_created_at_idx ON projects (owner_id, created_at, id);
CREATE INDEX IF NOT EXISTS tasks_owner_id_id_idx ON tasks (owner_id, id);
CREATE INDEX IF NOT EXISTS tasks_owner_id_created_at_idx ON tasks (owner_id, created_at, id);
CREATE INDEX IF NOT EXISTS tasks_owner_id_updated_at_idx ON tasks (owner_id, coalesce(updated_at, created_at), id);
CREATE INDEX IF NOT EXISTS tasks_owner_id_due_date_idx ON tasks (owner_id, due_date, id);
CREATE INDEX IF NOT EXISTS tasks_project_id_created_at_idx ON tasks (project_id, created_at, id);
CREATE INDEX IF NOT EXISTS tasks_project_id_updated_at_idx ON tasks (project_id, coalesce(updated_at, created_at), id);
CREATE INDEX IF NOT EXISTS tasks_project_id_due_date_idx ON tasks (project_id, due_date, id);
CREATE INDEX IF NOT EXISTS tasks_assignee_id_created_at_idx ON tasks (assignee_id, created_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_assignee_id_updated_at_idx ON tasks (assignee_id, coalesce(updated_at, created_at), id)
    WHERE assignee_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_assignee_id_due_date_idx ON tasks (assignee_id, due_date, id) WHERE assignee_id IS NOT NULL;
-- What of a project is assigned to somebody.
CREATE INDEX IF NOT EXISTS tasks_project_id_assignee_id_idx ON tasks (project_id, assignee_id, id) WHERE assignee_id IS NOT NULL;

-- Refuses what would be one more than `most` of the rows that somebody owns. What is not committed yet cannot be counted: at most
-- one row for each connection. Far from the end that does not matter, and locks are shared; near it one waits for the other.
-- A function, because each of its statements sees what was committed before it, and the statement that calls it does not.
CREATE FUNCTION count_owned(rows_of text, owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    IF rows_of = 'projects' THEN
        RETURN (SELECT count(*) FROM (SELECT FROM projects p WHERE p.owner_id = owner LIMIT most) counted);
    END IF;
    RETURN (SELECT count(*) FROM (SELECT FROM tasks t WHERE t.owner_id = owner LIMIT most) counted);
END $$;
CREATE FUNCTION within_quota(rows_of text, owner bigint, most bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    key CONSTANT bigint := hashtextextended('quota of ' || rows_of || ' ' || owner, 0);
    uncommitted CONSTANT bigint := current_setting('max_connections')::bigint;
BEGIN
    IF count_owned(rows_of, owner, most) < most - 2 * uncommitted THEN
        PERFORM pg_advisory_xact_lock_shared(key);
        IF count_owned(rows_of, owner, most) < most - uncommitted THEN
            RETURN true;
        END IF;
        RAISE EXCEPTION 'others have added many % meanwhile', rows_of USING ERRCODE = 'serialization_failure';
    END IF;
    PERFORM pg_advisory_xact_lock(key);
    IF count_owned(rows_of, owner, most) < most THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'user % has as many % as anybody may have', owner, rows_of
        USING ERRCODE = 'check_violation', CONSTRAINT = rows_of || '_quota', TABLE = rows_of;
END $$;
