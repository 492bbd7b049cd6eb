//! A shop in which everything has happened that can, and what may be wrong with it.

/// One product and an order in every state, each come to by a way of its own; nothing waits.
pub const SOUND: &str = "
    INSERT INTO products (id, sku, name, price_cents, stock) VALUES (1001, 'sound', 'Sound', 100, 1);
    INSERT INTO stock_entries (product_id, kind, quantity) VALUES (1001, 'receive', 10), (1001, 'adjust', -1);
    INSERT INTO orders (id, user_id, status, reason, total_cents, expires_at)
    SELECT n, (SELECT min(id) FROM users), status, reason, 100 * CASE n WHEN 104 THEN 1000 WHEN 102 THEN 3 ELSE 2 END, expires_at
    FROM (VALUES
        (101, 'RESERVED', NULL, now() + interval '1 hour'), (102, 'PAID', NULL, NULL),
        (103, 'CANCELLED', 'cancelled_by_user', NULL), (104, 'FAILED', 'insufficient_stock', NULL),
        (105, 'CANCELLED', 'expired', now() - interval '1 hour'), (106, 'CONFIRMED', NULL, NULL)
    ) o (n, status, reason, expires_at);
    INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
    SELECT id, 1001, 'sound', 'Sound', CASE id WHEN 104 THEN 1000 WHEN 102 THEN 3 ELSE 2 END, 100 FROM orders WHERE id > 100;
    INSERT INTO reservations (order_id, product_id, quantity, state) VALUES
        (101, 1001, 2, 'held'), (102, 1001, 3, 'committed'), (105, 1001, 2, 'released'), (106, 1001, 2, 'held'),
        -- Of an order that went with its user.
        (99, 1001, 1, 'committed');
    INSERT INTO stock_entries (product_id, order_id, kind, quantity) VALUES
        (1001, 101, 'reserve', -2), (1001, 102, 'reserve', -3), (1001, 102, 'commit', 0), (1001, 105, 'reserve', -2),
        (1001, 105, 'release', 2), (1001, 106, 'reserve', -2), (1001, 99, 'reserve', -1), (1001, 99, 'commit', 0);
    INSERT INTO order_events (order_id, kind, status, reason) VALUES
        (101, 'created', 'PENDING', NULL), (101, 'reserved', 'RESERVED', NULL),
        (102, 'created', 'PENDING', NULL), (102, 'reserved', 'RESERVED', NULL), (102, 'paid', 'PAID', NULL),
        (103, 'created', 'PENDING', NULL), (103, 'cancelled', 'CANCELLED', 'cancelled_by_user'),
        (104, 'created', 'PENDING', NULL), (104, 'failed', 'FAILED', 'processing_failed'),
        (104, 'requeued', 'PENDING', NULL), (104, 'failed', 'FAILED', 'insufficient_stock'),
        (105, 'created', 'PENDING', NULL), (105, 'reserved', 'RESERVED', NULL), (105, 'expired', 'CANCELLED', 'expired'),
        (106, 'created', 'PENDING', NULL), (106, 'reserved', 'RESERVED', NULL), (106, 'confirmed', 'CONFIRMED', NULL);
    -- Left by the older service, which did not add up: its first event is as old as it is itself.
    INSERT INTO orders (id, user_id, status, total_cents) SELECT n, min(id), 'FAILED', 7 FROM users, generate_series(98, 98) n GROUP BY n;
    INSERT INTO order_events (order_id, kind, status, at)
    SELECT id, 'created', 'PENDING', created_at FROM orders WHERE id = 98 UNION ALL SELECT 98, 'failed', 'FAILED', now();
    INSERT INTO dead_letters (id, state, order_id, topic, payload, reason, settled_at) OVERRIDING SYSTEM VALUE
    VALUES (901, 'requeued', 104, 'order.created', '{\"order_id\":104}', 'too many attempts', now());
    INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
    SELECT o.user_id, k.key || o.id, decode(repeat('00', 16), 'hex'), k.status,
           CASE k.status WHEN 201 THEN ARRAY['location', '/api/v2/orders/' || o.id] ELSE ARRAY[]::text[] END,
           convert_to(jsonb_build_object('id', o.id, 'user_id', o.user_id, 'total_cents', o.total_cents, 'currency', o.currency,
               'created_at', o.created_at, 'status', CASE k.status WHEN 201 THEN 'PENDING' ELSE o.status END,
               'items', (SELECT jsonb_agg(to_jsonb(i) - 'order_id') FROM order_items i WHERE i.order_id = o.id))::text, 'UTF8')
    FROM orders o JOIN (VALUES (101, 'key-', 201), (102, 'key-', 201), (102, 'paid-', 200)) k (id, key, status) USING (id)
    UNION ALL
    -- A refusal, as they were kept once, has no order.
    SELECT user_id, 'refused', decode(repeat('00', 16), 'hex'), 404, ARRAY[]::text[], convert_to('not JSON', 'UTF8')
    FROM orders WHERE id = 101;
    UPDATE products SET stock = 9 - 2 - 3 - 2 - 1 WHERE id = 1001;
";

/// An order that waits, and the message of another that was cancelled before anybody came to it.
pub const UNDECIDED: &str = "
    INSERT INTO orders (id, user_id, total_cents) SELECT 107, min(id), 100 FROM users;
    INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
    VALUES (107, 1001, 'sound', 'Sound', 1, 100);
    INSERT INTO order_events (order_id, kind, status) VALUES (107, 'created', 'PENDING');
    INSERT INTO outbox (id, topic, order_id, payload) OVERRIDING SYSTEM VALUE
    VALUES (801, 'order.created', 107, '{\"order_id\":107}');
";

/// The name of a check, what it must find, and how it tells.
pub const SPOILED: &[(&str, &str, &str)] = &[
    (
        "product stock equals the sum of its ledger entries",
        "UPDATE products SET stock = 2 WHERE id = 1001",
        "product 1001: stock 2, ledger 1",
    ),
    (
        "received units are in stock, reserved or sold",
        "INSERT INTO stock_entries (product_id, kind, quantity) VALUES (1001, 'receive', 5)",
        "product 1001: 14 came in, 1 in stock, 8 held or sold",
    ),
    (
        "reservations match the stock ledger",
        "DELETE FROM stock_entries WHERE order_id = 102 AND kind = 'commit'",
        "order 102, product 1001: committed of 3, ledger 3 out, 0 back, 0 sold",
    ),
    (
        "reservations match the stock ledger",
        "UPDATE stock_entries SET quantity = 1 WHERE order_id = 105 AND kind = 'release'",
        "order 105, product 1001: released of 2, ledger 2 out, 1 back, 0 sold",
    ),
    (
        "reservations match the stock ledger",
        "DELETE FROM reservations WHERE order_id = 101",
        "order 101, product 1001: no reservation of 0, ledger 2 out, 0 back, 0 sold",
    ),
    (
        "reservations match the stock ledger",
        "INSERT INTO reservations (order_id, product_id, quantity, state) VALUES (103, 1001, 2, 'released')",
        "order 103, product 1001: released of 2, ledger 0 out, 0 back, 0 sold",
    ),
    (
        "reservations match the status of their order",
        "UPDATE orders SET status = 'PAID' WHERE id = 101",
        "order 101 (PAID), product 1001: held",
    ),
    (
        "reservations match the status of their order",
        "ALTER TABLE orders DISABLE TRIGGER orders_deleted; DELETE FROM orders WHERE id = 106",
        "order 106 (gone), product 1001: held",
    ),
    (
        "reservations of a reserved or paid order match its lines",
        "UPDATE order_items SET quantity = 7 WHERE order_id = 102",
        "order 102, product 1001: 7 ordered, 3 reserved",
    ),
    (
        "reservations of a reserved or paid order match its lines",
        "INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
         VALUES (101, 4711, 'other', 'Other', 1, 100)",
        "order 101, product 4711: 1 ordered, 0 reserved",
    ),
    (
        "every order has lines",
        "DELETE FROM order_items WHERE order_id = 103",
        "order 103: CANCELLED, and no lines",
    ),
    (
        "order total equals the sum of its lines",
        "UPDATE orders SET total_cents = 301 WHERE id = 102",
        "order 102: total 301, lines 300",
    ),
    (
        "order total equals the sum of its lines",
        "UPDATE order_items SET unit_price_cents = 99 WHERE order_id = 103",
        "order 103: total 200, lines 198",
    ),
    (
        "every reservation has an expiry time",
        "UPDATE orders SET expires_at = NULL WHERE id = 101",
        "order 101: reserved for ever",
    ),
    (
        "orders without a user are not awaiting payment",
        "UPDATE orders SET user_id = NULL WHERE id IN (101, 102, 103)",
        "order 101: RESERVED, and its owner is gone",
    ),
    (
        "no outbox message is overdue by more than 30 s",
        "UPDATE outbox SET available_at = '2026-01-31T09:30:00Z'",
        "message 801: order.created, due since 2026-01-31 09:30:00+00",
    ),
    (
        "the reason of an order is that of its last event",
        "UPDATE orders SET reason = 'expired' WHERE id = 103",
        "order 103 (CANCELLED): expired, last cancelled_by_user",
    ),
    (
        "the reason of an order is that of its last event",
        "UPDATE orders SET reason = 'expired' WHERE id = 101",
        "order 101 (RESERVED): expired, last no reason",
    ),
    (
        "resolved dead letters have a resolution time",
        "UPDATE dead_letters SET state = 'waiting', settled_at = '2026-01-31T09:30:00Z'",
        "dead letter 901: waiting, settled at 2026-01-31 09:30:00+00",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{total_cents}', '299')::text, 'UTF8')
         WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another total",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{currency}', '\"EUR\"')::text, 'UTF8')
         WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another currency",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{status}', '\"CANCELLED\"')::text, 'UTF8')
         WHERE key = 'paid-102'",
        "user 1, key paid-102: order 102 has another state",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{user_id}', '2')::text, 'UTF8')
         WHERE key = 'paid-102'",
        "user 1, key paid-102: order 102 has another owner",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{created_at}', '\"2026-01-31T09:30:00Z\"')::text, 'UTF8')
         WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another time",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{items,0,quantity}', '4')::text, 'UTF8')
         WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another lines",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{items}', '[]')::text, 'UTF8')
         WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another lines",
    ),
    (
        "stored responses of idempotency keys match their orders",
        "UPDATE idempotency_keys SET headers = ARRAY['location', '/api/v2/orders/7'] WHERE key = 'key-102'",
        "user 1, key key-102: order 102 has another place",
    ),
    (
        "no negative stock",
        "ALTER TABLE products DROP CONSTRAINT products_stock_check; UPDATE products SET stock = -1 WHERE id = 1001",
        "product 1001: stock -1",
    ),
    (
        "no order is pending for more than 30 s",
        "UPDATE order_events SET at = '2026-01-31T09:30:00Z' WHERE order_id = 107",
        "order 107: pending since 2026-01-31 09:30:00+00",
    ),
    (
        "every pending order has a message in the outbox",
        "DELETE FROM outbox",
        "order 107: pending, and no message about it",
    ),
    (
        "no reservation is expired for more than 30 s",
        "UPDATE orders SET expires_at = '2026-01-31T09:30:00Z' WHERE id = 101",
        "order 101: RESERVED, expired at 2026-01-31 09:30:00+00",
    ),
    (
        "an order reserves, releases and buys a product at most once",
        "DROP INDEX stock_entries_order_id_product_id_kind_key;
         INSERT INTO stock_entries (product_id, order_id, kind, quantity) VALUES (1001, 105, 'release', 2)",
        "order 105, product 1001: release 2 times",
    ),
    (
        "no event of an order occurs twice, except after a requeue",
        "INSERT INTO order_events (order_id, kind, status) VALUES (104, 'failed', 'FAILED')",
        "order 104: failed 2 times",
    ),
    (
        "no outbox message of an order that was processed",
        "UPDATE orders SET status = 'FAILED' WHERE id = 107",
        "message 801: order 107 is FAILED already",
    ),
    (
        "the events of an order lead from its creation to its status",
        "INSERT INTO order_events (order_id, kind, status) VALUES (105, 'paid', 'PAID'), (105, 'cancelled', 'CANCELLED')",
        "order 105 (CANCELLED): created PENDING, reserved RESERVED, expired CANCELLED, paid PAID, cancelled CANCELLED",
    ),
    (
        "the events of an order lead from its creation to its status",
        "DELETE FROM order_events WHERE order_id = 102 AND kind = 'paid'",
        "order 102 (PAID): created PENDING, reserved RESERVED",
    ),
    (
        "the events of an order lead from its creation to its status",
        "DELETE FROM order_events WHERE order_id = 101 AND kind = 'created'",
        "order 101 (RESERVED): reserved RESERVED",
    ),
    (
        "the events of an order lead from its creation to its status",
        "DELETE FROM order_events WHERE order_id = 103",
        "order 103 (CANCELLED): no timeline",
    ),
    (
        "the order of an idempotency key exists and has the same user",
        "UPDATE orders SET user_id = 2 WHERE id = 101",
        "user 1, key key-101: order 101 of user 2",
    ),
    (
        "the order of an idempotency key exists and has the same user",
        "DELETE FROM orders WHERE id = 102",
        "user 1, key key-102: order 102 of user ?",
    ),
    (
        "no order was created by two idempotency keys",
        "INSERT INTO idempotency_keys SELECT user_id, 'other', fingerprint, status, headers, body
         FROM idempotency_keys WHERE key = 'key-101'",
        "order 101: made by keys key-101, other",
    ),
    (
        "dead letters have a reason and a payload",
        "UPDATE dead_letters SET reason = ''",
        "dead letter 901: reason '', payload '{\"order_id\":104}'",
    ),
    ("the outbox is empty", "UPDATE outbox SET attempts = 3", "message 801: order.created, about 107, 3 attempts"),
];
