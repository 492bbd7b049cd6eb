-- What the shop reads by, and the rules of its data that hold whoever writes.

CREATE UNIQUE INDEX IF NOT EXISTS products_sku_key ON products (sku) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS products_name_id_idx ON products (name, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS products_price_cents_id_idx ON products (price_cents, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS orders_user_id_id_idx ON orders (user_id, id);
CREATE INDEX IF NOT EXISTS orders_pending_idx ON orders (created_at) WHERE status = 'PENDING';
CREATE INDEX IF NOT EXISTS orders_expires_at_idx ON orders (expires_at) WHERE status = 'RESERVED';
-- The lines of an order, and: no product twice in one order.
CREATE UNIQUE INDEX IF NOT EXISTS order_items_order_id_product_id_key ON order_items (order_id, product_id);
CREATE INDEX reservations_held_idx ON reservations (product_id) INCLUDE (quantity) WHERE state = 'held';
CREATE INDEX stock_entries_product_id_id_idx ON stock_entries (product_id, id);
-- An order takes, gives back and buys each of its products at most once.
CREATE UNIQUE INDEX stock_entries_order_id_product_id_kind_key ON stock_entries (order_id, product_id, kind)
    WHERE order_id IS NOT NULL;
CREATE INDEX order_events_order_id_id_idx ON order_events (order_id, id);
CREATE INDEX outbox_unpublished_idx ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX dead_letters_waiting_idx ON dead_letters (id) WHERE state = 'waiting';
CREATE INDEX dead_letters_order_id_idx ON dead_letters (order_id);

DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS products_text_idx ON products
        USING gin (sku gin_trgm_ops, name gin_trgm_ops, description gin_trgm_ops);
EXCEPTION WHEN undefined_file OR feature_not_supported OR insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no trigram index for product search: %', SQLERRM;
END $$;

-- An order moves along these arrows only. FAILED to PENDING: a superuser has its message tried again.
CREATE FUNCTION refuse_order_transition() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % cannot become % from %', OLD.id, NEW.status, OLD.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_transition', TABLE = 'orders';
END $$;
CREATE TRIGGER orders_transition BEFORE UPDATE OF status ON orders FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN
          ('PENDING>RESERVED', 'PENDING>FAILED', 'PENDING>CANCELLED', 'RESERVED>CONFIRMED', 'RESERVED>PAID',
           'RESERVED>CANCELLED', 'CONFIRMED>PAID', 'CONFIRMED>CANCELLED',
           'FAILED>PENDING'))
    EXECUTE FUNCTION refuse_order_transition();

-- Gives back what these orders hold: the one way for stock to return, for cancelling, failing, expiring and deleting alike.
-- Only what is held is given back, so that a second call does nothing. Products are locked in the order of their ids, as
-- everybody does, after the orders.
CREATE FUNCTION release_stock(order_ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM products WHERE id IN
        (SELECT product_id FROM reservations WHERE order_id = ANY (order_ids) AND state = 'held')
        ORDER BY id FOR NO KEY UPDATE;
    WITH released AS (
        UPDATE reservations SET state = 'released' WHERE order_id = ANY (order_ids) AND state = 'held'
        RETURNING order_id, product_id, quantity
    ), booked AS (
        INSERT INTO stock_entries (product_id, kind, quantity, order_id)
        SELECT product_id, 'release', quantity, order_id FROM released ORDER BY order_id, product_id
    )
    UPDATE products p SET stock = p.stock + r.quantity, updated_at = now()
    FROM (SELECT product_id, sum(quantity)::bigint AS quantity FROM released GROUP BY product_id) r
    WHERE p.id = r.product_id;
END $$;

-- Orders go with their user; what they held stays in the shop.
CREATE FUNCTION release_stock_of_deleted_orders() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM release_stock(ARRAY(SELECT id FROM gone WHERE status IN ('RESERVED', 'CONFIRMED')));
    RETURN NULL;
END $$;
CREATE TRIGGER orders_deleted AFTER DELETE ON orders REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION release_stock_of_deleted_orders();
