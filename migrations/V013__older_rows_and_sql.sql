-- What scripts do by SQL keeps working, and keeps the counts.

-- Rows that the older service let through broke rules of V002, which held whoever changed anything of them: also a user's
-- deletion, which takes his tasks from him. Where there are such rows, the services alone keep the rule.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN SELECT conrelid::regclass AS tbl, conname FROM pg_constraint
               WHERE conrelid IN ('projects'::regclass, 'tasks'::regclass) AND NOT convalidated
                 AND conname IN ('projects_title_check', 'tasks_title_check', 'tasks_status_check') LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', old.tbl, old.conname);
    END LOOP;
END $$;

-- Page views that are deleted are not counted any more, whoever deletes them. Their events are forgotten with them. Programs
-- from before this migration take what they erase from the counts themselves: nothing must be erased while they still run.
CREATE FUNCTION uncount_page_views() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM page_view_events e USING gone g WHERE e.event_id = g.event_id AND e.id = g.id;
    PERFORM add_to_rollups(array_agg(minute), array_agg(path_id), array_agg(-views)) FROM (
        SELECT date_bin('1 minute', created_at, 'epoch') AS minute, path_id, count(*) AS views
        FROM gone WHERE bot IS NULL GROUP BY 1, 2) by_minute HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER page_views_uncount AFTER DELETE ON page_views
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION uncount_page_views();

CREATE FUNCTION uncount_all_page_views() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        TRUNCATE page_view_events, view_rollups;
    EXCEPTION WHEN object_in_use THEN
        -- By this very command, which empties one of them as well.
        DELETE FROM page_view_events;
        DELETE FROM view_rollups;
    END;
    RETURN NULL;
END $$;
CREATE TRIGGER page_views_uncount_all AFTER TRUNCATE ON page_views
    FOR EACH STATEMENT EXECUTE FUNCTION uncount_all_page_views();
