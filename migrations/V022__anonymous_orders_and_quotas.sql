-- Orders may outlive the account that made them, and nobody can have more of the shop waiting for him than the document says.

-- Of an account that the services deleted: nobody's. Whoever deletes a user by SQL still takes the orders along.
ALTER TABLE orders ALTER COLUMN user_id DROP NOT NULL;

-- What a user has ordered and not paid.
CREATE INDEX orders_unpaid_idx ON orders (user_id) WHERE status IN ('PENDING', 'RESERVED', 'CONFIRMED');

-- Which quota keeps a user from ordering so much of these products now: 1 orders that are not paid, 2 units in such orders, 3 units of
-- one product in such orders, 4 orders of the last 24 hours; 0 for none. `most` has how many there may be of each.
-- The lock makes the orders of one user take turns until they are committed: of two at once only one can be the last that is let in.
-- The statements of a volatile function each see what was committed before them, so that what is counted is counted under the lock.
CREATE FUNCTION order_quota(buyer bigint, wanted bigint[], quantities bigint[], most bigint[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    orders_before bigint;
    units_before  numeric := 0;
    exceeds       boolean := most[3] < ANY (quantities);
BEGIN
    PERFORM pg_advisory_xact_lock(22, (buyer % 2147483647)::integer);
    SELECT count(*) INTO orders_before FROM orders WHERE user_id = buyer AND status IN ('PENDING', 'RESERVED', 'CONFIRMED');
    IF orders_before >= most[1] THEN
        RETURN 1;
    END IF;
    IF orders_before > 0 THEN
        SELECT sum(taken.quantity), coalesce(exceeds OR bool_or(taken.quantity + w.quantity > most[3]), exceeds)
        INTO units_before, exceeds
        FROM (
            SELECT i.product_id, sum(i.quantity) AS quantity FROM orders o JOIN order_items i ON i.order_id = o.id
            WHERE o.user_id = buyer AND o.status IN ('PENDING', 'RESERVED', 'CONFIRMED') GROUP BY i.product_id
        ) taken LEFT JOIN unnest(wanted, quantities) AS w (product_id, quantity) USING (product_id);
    END IF;
    IF exceeds THEN
        RETURN 3;
    END IF;
    IF coalesce(units_before, 0) + (SELECT sum(quantity) FROM unnest(quantities) quantity) > most[2] THEN
        RETURN 2;
    END IF;
    -- Walks no more rows than the quota has.
    IF (SELECT created_at > now() - interval '24 hours' FROM orders WHERE user_id = buyer
        ORDER BY id DESC OFFSET most[4] - 1 LIMIT 1) THEN
        RETURN 4;
    END IF;
    RETURN 0;
END $$;

-- Refusals are not kept any more: time cures them.
DELETE FROM idempotency_keys WHERE status >= 400;

-- What is known of a person besides the account itself, and must go or become nobody's when the services delete the account.
-- Whoever adds a table of such things adds a function here: FUNCTION(user_id bigint, most bigint) RETURNS bigint erases at
-- most so many rows and tells how many it did. What references the account with ON DELETE CASCADE and is small needs none.
CREATE TABLE personal_data (
    erased_by text CONSTRAINT personal_data_pkey PRIMARY KEY,
    -- Lower ones first.
    place     integer NOT NULL
);

-- Erases at most so many rows of what is known of a user; how many. Fewer than `most` means that nothing is left but the account.
-- Slices, because nobody knows how much a person has left behind, and no statement may take longer than others can wait.
CREATE FUNCTION erase_personal_data(owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    part   text;
    gone   bigint;
    erased bigint := 0;
BEGIN
    FOR part IN SELECT erased_by FROM personal_data ORDER BY place, erased_by LOOP
        EXECUTE format('SELECT %I($1, $2)', part) INTO gone USING owner, most - erased;
        erased := erased + gone;
        EXIT WHEN erased >= most;
    END LOOP;
    RETURN erased;
END $$;

CREATE FUNCTION erase_kept_answers(owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys WHERE user_id = owner LIMIT most));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Orders stay, as nobody's: what was sold was sold, and its timeline and the ledger go on speaking of it. What is not paid yet
-- is called off first, so that its stock returns.
CREATE FUNCTION erase_owner_of_orders(owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    mine bigint[] := ARRAY(SELECT id FROM orders WHERE user_id = owner ORDER BY id LIMIT most FOR NO KEY UPDATE);
    open bigint[];
BEGIN
    WITH closed AS (
        UPDATE orders SET status = 'CANCELLED', reason = 'cancelled_by_user', expires_at = NULL, updated_at = clock_timestamp()
        WHERE id = ANY (mine) AND status IN ('PENDING', 'RESERVED', 'CONFIRMED') RETURNING id
    ), told AS (
        INSERT INTO order_events (order_id, kind, status, reason)
        SELECT id, 'cancelled', 'CANCELLED', 'cancelled_by_user' FROM closed
    )
    SELECT array_agg(id) INTO open FROM closed;
    PERFORM release_stock(open);
    UPDATE orders SET user_id = NULL WHERE id = ANY (mine);
    RETURN cardinality(mine);
END $$;

-- Projects go with their owner, and tasks with their project; tasks of others' are nobody's task again. By the keys of the
-- tables all of that would happen at once.
CREATE FUNCTION erase_projects(owner bigint, most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    gone   bigint;
    erased bigint;
BEGIN
    DELETE FROM tasks WHERE id = ANY (ARRAY(
        SELECT t.id FROM tasks t JOIN projects p ON p.id = t.project_id WHERE p.owner_id = owner LIMIT most));
    GET DIAGNOSTICS erased = ROW_COUNT;
    UPDATE tasks SET assignee_id = NULL WHERE id = ANY (ARRAY(
        SELECT id FROM tasks WHERE assignee_id = owner ORDER BY id LIMIT most - erased FOR NO KEY UPDATE));
    GET DIAGNOSTICS gone = ROW_COUNT;
    erased := erased + gone;
    IF erased < most THEN
        DELETE FROM projects WHERE id = ANY (ARRAY(SELECT id FROM projects WHERE owner_id = owner LIMIT most - erased));
        GET DIAGNOSTICS gone = ROW_COUNT;
        erased := erased + gone;
    END IF;
    RETURN erased;
END $$;

INSERT INTO personal_data (erased_by, place)
VALUES ('erase_kept_answers', 10), ('erase_owner_of_orders', 20), ('erase_projects', 30);

-- Done with the rights of the tables' owner: whoever may delete accounts need not be able to write orders.
ALTER FUNCTION erase_personal_data SECURITY DEFINER;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION erase_personal_data SET search_path = %I, pg_temp', current_schema());
END $$;
