-- Who may see a project, said once, as of tasks (V027) and orders (V028). Written into the statement that calls it by the planner: it costs what the
-- condition costs.
CREATE FUNCTION project_is_visible(project projects, caller bigint, superuser boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT superuser OR project.owner_id = caller
$$;
