-- Brings the tables of the older Python service to the shape V001 gives a new database: types, defaults, NOT NULL, columns,
-- constraints by name and delete rule. On a new database every step finds its work done and changes nothing.

-- The helpers live in the session's temporary schema and vanish with it.

CREATE FUNCTION pg_temp.ensure_type(tbl regclass, col name, from_type regtype, to_type regtype) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = tbl AND attname = col AND atttypid = from_type) THEN
        -- Naive timestamps were written in UTC.
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I%s', tbl, col, to_type, col,
                       CASE WHEN from_type = 'timestamp'::regtype THEN ' AT TIME ZONE ''UTC''' ELSE '' END);
    END IF;
END $$;

-- Gives the column a default and forbids NULL, filling rows that hold one.
CREATE FUNCTION pg_temp.ensure_filled(tbl regclass, col name, fallback text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = tbl AND attname = col AND NOT (attnotnull AND atthasdef)) THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', tbl, col, fallback);
        EXECUTE format('UPDATE %s SET %I = %s WHERE %I IS NULL', tbl, col, fallback, col);
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', tbl, col);
    END IF;
END $$;

-- Replaces whatever foreign key the column has by the named one with the wanted delete rule ('c' cascade, 'n' set null).
CREATE FUNCTION pg_temp.ensure_fk(tbl regclass, col name, target regclass, rule "char", fk name) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old record;
BEGIN
    FOR old IN SELECT conname, confdeltype FROM pg_constraint c
               JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col
               WHERE c.conrelid = tbl AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum] LOOP
        CONTINUE WHEN old.conname = fk AND old.confdeltype = rule;
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tbl, old.conname);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = tbl AND conname = fk) THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s ON DELETE %s', tbl, fk, col, target,
                       CASE rule WHEN 'c' THEN 'CASCADE' ELSE 'SET NULL' END);
    END IF;
END $$;

-- Replaces the column's checks by the named one. Rows the older service let through are kept, with a warning: NOT VALID
-- still holds every new row and every changed one to the rule.
CREATE FUNCTION pg_temp.ensure_check(tbl regclass, col name, chk name, rule text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old name;
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = tbl AND conname = chk AND convalidated) THEN
        RETURN;
    END IF;
    FOR old IN SELECT conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col
               WHERE c.conrelid = tbl AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tbl, old);
    END LOOP;
    IF col = 'status' THEN
        -- The older service's enum had these as names; they may have been stored.
        EXECUTE format($q$UPDATE %s SET status = CASE status WHEN 'TODO' THEN 'ToDo' WHEN 'IN_PROGRESS' THEN 'InProgress'
                          ELSE 'Done' END WHERE status IN ('TODO', 'IN_PROGRESS', 'DONE')$q$, tbl);
    END IF;
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s) NOT VALID', tbl, chk, rule);
    BEGIN
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', tbl, chk);
    EXCEPTION WHEN check_violation THEN
        RAISE WARNING '% holds rows that break %; they stay, but cannot be changed without being repaired', tbl, chk;
    END;
END $$;

-- Makes the one unique rule on users.email a constraint of the expected name, reusing the index that is there.
CREATE FUNCTION pg_temp.ensure_unique_email() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    idx record;
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND conname = 'users_email_key') THEN
        RETURN;
    END IF;
    SELECT c.relname, con.conname INTO idx
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'email'
    LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype = 'u'
    WHERE i.indrelid = 'users'::regclass AND i.indisunique AND i.indpred IS NULL AND i.indnatts = 1 AND i.indkey[0] = a.attnum
    ORDER BY i.indexrelid LIMIT 1;
    IF idx.conname IS NOT NULL THEN
        EXECUTE format('ALTER TABLE users RENAME CONSTRAINT %I TO users_email_key', idx.conname);
    ELSIF idx.relname IS NOT NULL THEN
        EXECUTE format('ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX %I', idx.relname);
    ELSE
        ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
    END IF;
END $$;

ALTER TABLE users
    ADD COLUMN IF NOT EXISTS full_name text,
    ADD COLUMN IF NOT EXISTS is_active boolean NOT NULL DEFAULT true,
    ADD COLUMN IF NOT EXISTS is_superuser boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz,
    ADD COLUMN IF NOT EXISTS session_epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE projects
    ADD COLUMN IF NOT EXISTS description text,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz;
ALTER TABLE tasks
    ADD COLUMN IF NOT EXISTS description text,
    ADD COLUMN IF NOT EXISTS due_date timestamptz,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz;

-- 32-bit keys become 64-bit, with their sequences.
SELECT pg_temp.ensure_type(c.oid, a.attname, 'integer', 'bigint')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid IN ('users'::regclass, 'projects'::regclass, 'tasks'::regclass)
  AND a.attname IN ('id', 'owner_id', 'project_id', 'assignee_id');
DO $$
DECLARE
    seq regclass;
BEGIN
    FOR seq IN SELECT seqrelid FROM pg_sequence
               WHERE seqtypid = 'integer'::regtype
                 AND seqrelid IN (pg_get_serial_sequence('users', 'id')::regclass,
                                  pg_get_serial_sequence('projects', 'id')::regclass,
                                  pg_get_serial_sequence('tasks', 'id')::regclass) LOOP
        EXECUTE format('ALTER SEQUENCE %s AS bigint', seq);
    END LOOP;
END $$;

SELECT pg_temp.ensure_type(c.oid, a.attname, 'timestamp', 'timestamptz')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid IN ('users'::regclass, 'projects'::regclass, 'tasks'::regclass)
  AND a.attname IN ('created_at', 'updated_at', 'due_date');

SELECT pg_temp.ensure_filled('users', 'is_active', 'true');
SELECT pg_temp.ensure_filled('users', 'is_superuser', 'false');
SELECT pg_temp.ensure_filled('users', 'created_at', 'now()');
SELECT pg_temp.ensure_filled('projects', 'created_at', 'now()');
SELECT pg_temp.ensure_filled('tasks', 'created_at', 'now()');

SELECT pg_temp.ensure_unique_email();
SELECT pg_temp.ensure_check('projects', 'title', 'projects_title_check', 'char_length(title) BETWEEN 3 AND 100');
SELECT pg_temp.ensure_check('tasks', 'title', 'tasks_title_check', 'char_length(title) BETWEEN 3 AND 100');
SELECT pg_temp.ensure_check('tasks', 'status', 'tasks_status_check', 'status IN (''ToDo'', ''InProgress'', ''Done'')');
SELECT pg_temp.ensure_fk('projects', 'owner_id', 'users', 'c', 'projects_owner_id_fkey');
SELECT pg_temp.ensure_fk('tasks', 'project_id', 'projects', 'c', 'tasks_project_id_fkey');
SELECT pg_temp.ensure_fk('tasks', 'assignee_id', 'users', 'n', 'tasks_assignee_id_fkey');

SELECT pg_temp.ensure_filled('tasks', 'status', '''ToDo''');
ALTER TABLE tasks ALTER COLUMN status SET DEFAULT 'ToDo';

-- Values the services rely on. '!' is a hash no password has.
UPDATE users SET email = 'missing-' || id || '@invalid' WHERE email IS NULL;
UPDATE users SET hashed_password = '!' WHERE hashed_password IS NULL;
UPDATE projects SET title = 'untitled' WHERE title IS NULL;
UPDATE tasks SET title = 'untitled' WHERE title IS NULL;
ALTER TABLE users ALTER COLUMN email SET NOT NULL, ALTER COLUMN hashed_password SET NOT NULL;
ALTER TABLE projects ALTER COLUMN title SET NOT NULL;
ALTER TABLE tasks ALTER COLUMN title SET NOT NULL;

-- A row without an owner or a project belongs to nobody and no request could reach it.
DELETE FROM tasks WHERE project_id IS NULL;
DELETE FROM projects WHERE owner_id IS NULL;
ALTER TABLE projects ALTER COLUMN owner_id SET NOT NULL;
ALTER TABLE tasks ALTER COLUMN project_id SET NOT NULL;
