-- Statuses of the older service's tasks, before anything holds their rows to rules: V002 rewrites them after it has added the rule
-- for titles, which older rows may break.
-- Not a migration: the migrate command runs it before the first one.

DO $$
DECLARE
    old name;
BEGIN
    IF to_regclass('refinery_schema_history') IS NOT NULL THEN
        IF EXISTS (SELECT FROM refinery_schema_history WHERE version >= 2) THEN
            RETURN;
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tasks') AND attname = 'status'
                       AND atttypid IN ('varchar'::regtype, 'text'::regtype)) THEN
        RETURN;
    END IF;
    FOR old IN SELECT conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'status'
               WHERE c.conrelid = 'tasks'::regclass AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] LOOP
        EXECUTE format('ALTER TABLE tasks DROP CONSTRAINT %I', old);
    END LOOP;
    UPDATE tasks SET status = CASE status WHEN 'TODO' THEN 'ToDo' WHEN 'IN_PROGRESS' THEN 'InProgress' ELSE 'Done' END
    WHERE status IN ('TODO', 'IN_PROGRESS', 'DONE');
    UPDATE tasks SET status = 'ToDo' WHERE status IS NULL;
END $$;
