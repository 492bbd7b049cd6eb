-- Who may see a task, said once. Written into the statement that calls it by the planner: it costs what the condition costs.
CREATE FUNCTION task_is_visible(task tasks, caller bigint, superuser boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT superuser OR task.assignee_id = caller OR task.owner_id = caller
$$;
