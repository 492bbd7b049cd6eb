-- What several statements have in common, said once. Written into the statement that calls it by the planner: it costs what it says.

-- Who may see an order.
CREATE FUNCTION order_is_visible(placed orders, caller bigint, superuser boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT superuser OR placed.user_id = caller
$$;

-- When what was changed last at a time is changed now. It strictly grows, so that an ETag never repeats, whatever the clock does.
CREATE FUNCTION next_change(since timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT greatest(now(), since + interval '1 microsecond')
$$;
