-- Brings the shop's tables of the older Python service to the shape V004 gives a new database, and its orders into the
-- ledger and the timeline. On a new database every step finds its work done and changes nothing.

CREATE FUNCTION pg_temp.shop_type(tbl regclass, col name, wanted text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old regtype;
BEGIN
    SELECT atttypid INTO old FROM pg_attribute
    WHERE attrelid = tbl AND attname = col AND format_type(atttypid, atttypmod) <> wanted;
    IF FOUND THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', tbl, col);
        -- Naive timestamps were written in UTC; an ENUM type becomes its text.
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I%s', tbl, col, wanted, col,
                       CASE WHEN old = 'timestamp'::regtype THEN ' AT TIME ZONE ''UTC''' ELSE '::' || wanted END);
    END IF;
END $$;

-- Replaces the column's checks by the named one.
CREATE FUNCTION pg_temp.shop_check(tbl regclass, col name, rule text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted name := format('%s_%s_check', tbl, col);
    old name;
BEGIN
    FOR old IN SELECT conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col
               WHERE c.conrelid = tbl AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tbl, old);
    END LOOP;
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)', tbl, wanted, rule);
END $$;

-- Drops the column's foreign keys, and adds one that cascades if there is a target.
CREATE FUNCTION pg_temp.shop_fk(tbl regclass, col name, target regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old name;
BEGIN
    FOR old IN SELECT conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col
               WHERE c.conrelid = tbl AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum] LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', tbl, old);
    END LOOP;
    IF target IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s ON DELETE CASCADE',
                       tbl, format('%s_%s_fkey', tbl, col), col, target);
    END IF;
END $$;

-- What the rules of the older service let through is repaired, and somebody should know of it.
CREATE FUNCTION pg_temp.shop_repair(what text, repair text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    EXECUTE repair;
    GET DIAGNOSTICS rows = ROW_COUNT;
    IF rows > 0 THEN
        RAISE WARNING '%: % repaired', what, rows;
    END IF;
END $$;

-- The key on order_items.product_id goes for good (see V004), the others come back when the rows are right.
SELECT pg_temp.shop_fk('order_items', 'product_id', NULL);
SELECT pg_temp.shop_fk('order_items', 'order_id', NULL);
SELECT pg_temp.shop_fk('orders', 'user_id', NULL);

-- Columns.
SELECT pg_temp.shop_type(tbl::regclass, col, wanted) FROM (VALUES
    ('products', 'id', 'bigint'), ('products', 'price_cents', 'bigint'), ('products', 'stock', 'bigint'),
    ('products', 'description', 'text'), ('products', 'created_at', 'timestamp with time zone'),
    ('products', 'updated_at', 'timestamp with time zone'),
    ('orders', 'id', 'bigint'), ('orders', 'user_id', 'bigint'), ('orders', 'total_cents', 'bigint'),
    ('orders', 'status', 'character varying(20)'), ('orders', 'created_at', 'timestamp with time zone'),
    ('orders', 'updated_at', 'timestamp with time zone'),
    ('order_items', 'id', 'bigint'), ('order_items', 'order_id', 'bigint'), ('order_items', 'product_id', 'bigint'),
    ('order_items', 'quantity', 'bigint'), ('order_items', 'unit_price_cents', 'bigint')
) AS columns (tbl, col, wanted);
-- The older service's ENUM type, unless something else uses it.
DO $$
BEGIN
    DROP TYPE IF EXISTS orderstatus;
EXCEPTION WHEN dependent_objects_still_exist THEN
    RAISE WARNING 'the type orderstatus is still in use and stays';
END $$;
ALTER TABLE products
    ADD COLUMN IF NOT EXISTS description text,
    ADD COLUMN IF NOT EXISTS currency varchar(3) NOT NULL DEFAULT 'USD'
        CONSTRAINT products_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz,
    ADD COLUMN IF NOT EXISTS created_at timestamptz,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz;
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS reason varchar(40) CONSTRAINT orders_reason_check CHECK (reason IN
        ('insufficient_stock', 'product_unavailable', 'processing_failed', 'cancelled_by_user', 'expired')),
    ADD COLUMN IF NOT EXISTS currency varchar(3) NOT NULL DEFAULT 'USD'
        CONSTRAINT orders_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    ADD COLUMN IF NOT EXISTS expires_at timestamptz,
    ADD COLUMN IF NOT EXISTS created_at timestamptz,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz;
ALTER TABLE order_items
    ADD COLUMN IF NOT EXISTS sku varchar(100),
    ADD COLUMN IF NOT EXISTS name varchar(255);

-- Ids come from an identity, which goes on where the older sequence and the rows end.
DO $$
DECLARE
    tbl name;
    seq text;
    last bigint;
    newest bigint;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['products', 'orders', 'order_items'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_attribute
                              WHERE attrelid = tbl::regclass AND attname = 'id' AND attidentity <> '');
        seq := pg_get_serial_sequence(tbl, 'id');
        last := 0;
        IF seq IS NOT NULL THEN
            EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %s', seq) INTO last;
        END IF;
        EXECUTE format('ALTER TABLE %I ALTER COLUMN id DROP DEFAULT', tbl);
        IF seq IS NOT NULL THEN
            EXECUTE format('DROP SEQUENCE %s', seq);
        END IF;
        EXECUTE format('ALTER TABLE %I ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY', tbl);
        EXECUTE format('SELECT coalesce(max(id), 0) FROM %I', tbl) INTO newest;
        IF tbl = 'products' THEN
            -- Orders may mention products that were removed: nobody else may get their ids.
            SELECT greatest(newest, max(product_id)) INTO newest FROM order_items;
        END IF;
        PERFORM setval(pg_get_serial_sequence(tbl, 'id'), greatest(last, newest, 0) + 1, false);
    END LOOP;
END $$;

-- Whatever rule made the SKU unique goes; V006 makes one that leaves out products off the shelf.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN SELECT i.indexrelid::regclass AS idx, con.conname
               FROM pg_index i
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'sku'
               LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.contype = 'u'
               WHERE i.indrelid = 'products'::regclass AND i.indisunique AND i.indpred IS NULL
                 AND i.indnatts = 1 AND i.indkey[0] = a.attnum LOOP
        IF old.conname IS NULL THEN
            EXECUTE format('DROP INDEX %s', old.idx);
        ELSE
            EXECUTE format('ALTER TABLE products DROP CONSTRAINT %I', old.conname);
        END IF;
    END LOOP;
END $$;

-- Rows the services could not work with.
SELECT pg_temp.shop_repair('products without a usable SKU', $q$UPDATE products
    SET sku = CASE WHEN sku = '' OR sku IS NULL THEN 'missing-' || id ELSE left(sku, 75) || '-' || id END
    WHERE sku IS NULL OR char_length(sku) NOT BETWEEN 1 AND 100$q$);
SELECT pg_temp.shop_repair('products without a usable name', $q$UPDATE products
    SET name = coalesce(nullif(left(name, 255), ''), sku)
    WHERE name IS NULL OR char_length(name) NOT BETWEEN 1 AND 255$q$);
SELECT pg_temp.shop_repair('products with an impossible price', $q$UPDATE products
    SET price_cents = greatest(0, least(coalesce(price_cents, 0), 4000000000))
    WHERE price_cents IS NULL OR price_cents NOT BETWEEN 0 AND 4000000000$q$);
-- A row without a user or an order belongs to nobody and no request could reach it.
SELECT pg_temp.shop_repair('orders of nobody', $q$DELETE FROM orders o
    WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = o.user_id)$q$);
SELECT pg_temp.shop_repair('order lines without an order or a quantity', $q$DELETE FROM order_items i
    WHERE quantity IS NULL OR quantity <= 0 OR NOT EXISTS (SELECT FROM orders o WHERE o.id = i.order_id)$q$);
SELECT pg_temp.shop_repair('order lines with a negative price', $q$UPDATE order_items
    SET unit_price_cents = 0 WHERE unit_price_cents IS NULL OR unit_price_cents < 0$q$);
UPDATE orders SET status = upper(status) WHERE status <> upper(status);
SELECT pg_temp.shop_repair('orders in an unknown state', $q$UPDATE orders
    SET status = 'FAILED', reason = 'processing_failed'
    WHERE status IS NULL OR status NOT IN ('PENDING', 'RESERVED', 'CONFIRMED', 'PAID', 'FAILED', 'CANCELLED')$q$);
-- Why an older order failed is not known; who cancelled it is.
UPDATE orders SET reason = 'cancelled_by_user' WHERE status = 'CANCELLED' AND reason IS NULL;
SELECT pg_temp.shop_repair('orders with an impossible total', $q$UPDATE orders o
    SET total_cents = least(9007199254740992, coalesce(
        (SELECT sum(i.quantity * i.unit_price_cents::numeric) FROM order_items i WHERE i.order_id = o.id), 0))
    WHERE total_cents IS NULL OR total_cents NOT BETWEEN 0 AND 9007199254740992$q$);
UPDATE products SET created_at = coalesce(updated_at, now()) WHERE created_at IS NULL;
UPDATE orders SET created_at = coalesce(updated_at, now()) WHERE created_at IS NULL;

-- A line whose product was forgotten mentions one that nobody can find, as if it had been taken off the shelf.
UPDATE order_items SET product_id = nextval(pg_get_serial_sequence('products', 'id')) WHERE product_id IS NULL;
UPDATE order_items i SET sku = coalesce(i.sku, p.sku, 'unknown'), name = coalesce(i.name, p.name, 'unknown')
FROM order_items l LEFT JOIN products p ON p.id = l.product_id
WHERE i.id = l.id AND (i.sku IS NULL OR i.name IS NULL);

-- Lines of one order that name the same product become the first of them. The order's total stays what was agreed; if
-- the prices differ, the line shows their mean, which is off by less than half a cent for each unit.
WITH merged AS (
    SELECT min(id) AS id, order_id, product_id, sum(quantity) AS quantity,
           round(sum(quantity * unit_price_cents::numeric) / sum(quantity)) AS unit_price_cents
    FROM order_items GROUP BY order_id, product_id HAVING count(*) > 1
), dropped AS (
    DELETE FROM order_items i USING merged m
    WHERE i.order_id = m.order_id AND i.product_id = m.product_id AND i.id <> m.id
)
UPDATE order_items i SET quantity = m.quantity, unit_price_cents = m.unit_price_cents FROM merged m WHERE i.id = m.id;

-- The stock the older service showed is what is left beside its orders. It oversold; nothing is less than nothing. And
-- there must be room for what the orders may give back.
SELECT pg_temp.shop_repair('products with an impossible stock', $q$UPDATE products p
    SET stock = greatest(0, least(coalesce(p.stock, 0), r.room))
    FROM (SELECT p.id, 1000000000
              - coalesce(sum(i.quantity) FILTER (WHERE o.status IN ('RESERVED', 'CONFIRMED')), 0) AS room
          FROM products p LEFT JOIN order_items i ON i.product_id = p.id LEFT JOIN orders o ON o.id = i.order_id
          GROUP BY p.id) r
    WHERE r.id = p.id AND (p.stock IS NULL OR p.stock < 0 OR p.stock > greatest(0, r.room))$q$);

ALTER TABLE products
    ALTER COLUMN sku TYPE varchar(100), ALTER COLUMN sku SET NOT NULL,
    ALTER COLUMN name TYPE varchar(255), ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN description DROP NOT NULL, ALTER COLUMN description DROP DEFAULT,
    ALTER COLUMN price_cents SET NOT NULL, ALTER COLUMN price_cents DROP DEFAULT,
    ALTER COLUMN stock SET NOT NULL, ALTER COLUMN stock SET DEFAULT 0,
    ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at DROP NOT NULL, ALTER COLUMN updated_at DROP DEFAULT;
ALTER TABLE orders
    ALTER COLUMN user_id SET NOT NULL,
    ALTER COLUMN status SET NOT NULL, ALTER COLUMN status SET DEFAULT 'PENDING',
    ALTER COLUMN total_cents SET NOT NULL, ALTER COLUMN total_cents DROP DEFAULT,
    ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at DROP NOT NULL, ALTER COLUMN updated_at DROP DEFAULT;
ALTER TABLE order_items
    ALTER COLUMN order_id SET NOT NULL,
    ALTER COLUMN product_id SET NOT NULL,
    ALTER COLUMN sku SET NOT NULL,
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN quantity SET NOT NULL, ALTER COLUMN quantity DROP DEFAULT,
    ALTER COLUMN unit_price_cents SET NOT NULL, ALTER COLUMN unit_price_cents DROP DEFAULT;

SELECT pg_temp.shop_check('products', 'price_cents', 'price_cents BETWEEN 0 AND 4000000000');
SELECT pg_temp.shop_check('products', 'stock', 'stock >= 0');
SELECT pg_temp.shop_check('orders', 'status',
    $q$status IN ('PENDING', 'RESERVED', 'CONFIRMED', 'PAID', 'FAILED', 'CANCELLED')$q$);
SELECT pg_temp.shop_check('orders', 'total_cents', 'total_cents BETWEEN 0 AND 9007199254740992');
SELECT pg_temp.shop_check('order_items', 'quantity', 'quantity > 0');
SELECT pg_temp.shop_check('order_items', 'unit_price_cents', 'unit_price_cents >= 0');
SELECT pg_temp.shop_fk('orders', 'user_id', 'users');
SELECT pg_temp.shop_fk('order_items', 'order_id', 'orders');

-- What orders took, and the ledger that explains the stock: everything that was ever there was received.
INSERT INTO reservations (order_id, product_id, quantity, state)
SELECT i.order_id, i.product_id, i.quantity, CASE o.status WHEN 'PAID' THEN 'committed' ELSE 'held' END
FROM order_items i JOIN orders o ON o.id = i.order_id JOIN products p ON p.id = i.product_id
WHERE o.status IN ('RESERVED', 'CONFIRMED', 'PAID');

INSERT INTO stock_entries (product_id, kind, quantity, order_id, created_at)
SELECT product_id, kind, quantity, order_id, at FROM (
    SELECT p.id AS product_id, 'receive' AS kind, p.stock + coalesce(sum(r.quantity), 0)::bigint AS quantity,
           NULL::bigint AS order_id, p.created_at AS at, 1 AS step
    FROM products p LEFT JOIN reservations r ON r.product_id = p.id GROUP BY p.id
    HAVING p.stock + coalesce(sum(r.quantity), 0) > 0
    UNION ALL
    SELECT r.product_id, 'reserve', -r.quantity, r.order_id, o.created_at, 2
    FROM reservations r JOIN orders o ON o.id = r.order_id
    UNION ALL
    SELECT r.product_id, 'commit', 0, r.order_id, greatest(o.updated_at, o.created_at), 3
    FROM reservations r JOIN orders o ON o.id = r.order_id WHERE r.state = 'committed'
) entries ORDER BY step, at, order_id, product_id;

-- What is known of what happened to each order.
INSERT INTO order_events (order_id, kind, status, reason, at)
SELECT order_id, kind, status, reason, at FROM (
    SELECT id AS order_id, 'created' AS kind, 'PENDING' AS status, NULL AS reason, created_at AS at, 1 AS step
    FROM orders
    UNION ALL
    SELECT id, lower(status), status, reason, greatest(updated_at, created_at), 2 FROM orders WHERE status <> 'PENDING'
) events ORDER BY at, step, order_id;

-- Orders that still wait: the queue of the older service is not read any more.
INSERT INTO outbox (topic, order_id, payload)
SELECT 'order.created', id, format('{"order_id":%s}', id) FROM orders WHERE status = 'PENDING' ORDER BY id;
