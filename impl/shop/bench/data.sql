-- 1,000 users and 1,000 products, and what `db` does in order_reserve. Every user has the password of user@example.com, a
-- demo account.
SET client_min_messages = warning;
BEGIN;
INSERT INTO users (id, email, hashed_password, full_name)
SELECT n, 'bench' || n || '@example.com', demo.hashed_password, 'Bench User ' || n
FROM generate_series(1001, 2000) n, users demo WHERE demo.email = 'user@example.com'
ON CONFLICT DO NOTHING;
-- Those whom the orders come from order more than a user may; the tasks are asked for by another, who may no more than others.
UPDATE users SET is_superuser = (id > 1992) WHERE id IN (1001, 1993, 1994, 1995, 1996, 1997, 1998, 1999, 2000);
INSERT INTO products (id, sku, name, description, price_cents, stock)
SELECT n, 'BENCH-' || n, 'Product ' || n, 'What product ' || n || ' is good for, in a sentence or two.', 100 + n, 0
FROM generate_series(1000, 1999) n
ON CONFLICT DO NOTHING;
UPDATE products SET stock = 500000000 WHERE id BETWEEN 1000 AND 1999;

-- Orders that wait, the Nth being asked for by the Nth message, of one product or of any.
CREATE OR REPLACE PROCEDURE bench_fill(orders bigint, products bigint) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE orders, order_items, order_events, outbox, reservations, stock_entries, idempotency_keys RESTART IDENTITY;
    PERFORM setseed(0.5);
    INSERT INTO orders (user_id, total_cents)
    SELECT 1001 + n % 1000, 1000 FROM generate_series(1, orders) n;
    INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
    SELECT n, p, 'BENCH-' || p, 'Product ' || p, 1, 1000
    FROM (SELECT n, 1000 + floor(random() * products)::bigint AS p FROM generate_series(1, orders) n) lines;
    INSERT INTO order_events (order_id, kind, status) SELECT n, 'created', 'PENDING' FROM generate_series(1, orders) n;
    INSERT INTO outbox (topic, order_id, payload)
    SELECT 'order.created', n, '{"order_id":' || n || '}' FROM generate_series(1, orders) n;
END $$;

-- Reserves the stock for one batch of orders as a worker does, who finds enough of everything: the same locks in the same
-- order and the same rows, but nothing has to leave the server to be decided.
CREATE OR REPLACE FUNCTION bench_reserve(batch bigint, size bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    messages bigint[];
    decided bigint[];
    wanted bigint[];
    quantities bigint[];
BEGIN
    SELECT array_agg(id), array_agg(order_id) INTO messages, decided FROM (
        SELECT id, order_id FROM outbox WHERE id = ANY (ARRAY(SELECT generate_series((batch - 1) * size + 1, batch * size)))
        ORDER BY id FOR UPDATE SKIP LOCKED) m;
    WITH o AS MATERIALIZED (
        SELECT id, status FROM orders WHERE id = ANY (decided) ORDER BY id FOR NO KEY UPDATE
    ) SELECT array_agg(i.order_id ORDER BY i.id), array_agg(i.product_id ORDER BY i.id), array_agg(i.quantity ORDER BY i.id)
      INTO decided, wanted, quantities
      FROM o JOIN order_items i ON i.order_id = o.id WHERE o.status = 'PENDING';
    PERFORM id, stock FROM products WHERE id = ANY (wanted) ORDER BY id FOR NO KEY UPDATE;
    WITH moved AS (
        UPDATE orders SET status = 'RESERVED', updated_at = clock_timestamp(),
               expires_at = clock_timestamp() + interval '900 seconds' WHERE id = ANY (decided)
    ), told AS (
        INSERT INTO order_events (order_id, kind, status) SELECT unnest(decided), 'reserved', 'RESERVED'
    ), held AS (
        SELECT * FROM unnest(decided, wanted, quantities) AS h (order_id, product_id, quantity)
    ), reserved AS (
        INSERT INTO reservations (order_id, product_id, quantity) SELECT * FROM held
    ), booked AS (
        INSERT INTO stock_entries (product_id, kind, quantity, order_id)
        SELECT product_id, 'reserve', -quantity, order_id FROM held
    ), taken AS (
        UPDATE products p SET stock = p.stock - t.quantity, updated_at = now()
        FROM (SELECT product_id, sum(quantity)::bigint AS quantity FROM held GROUP BY product_id) t WHERE p.id = t.product_id
    ) DELETE FROM outbox WHERE id = ANY (messages);
END $$;
DROP SEQUENCE IF EXISTS bench_batch;
CREATE SEQUENCE bench_batch;
COMMIT;
VACUUM ANALYZE users, products;
