//! What must hold of the shop's data, one query each: it yields a line for everything that is wrong.

use platform::sql;
use platform::verification::Check;
use platform_outbox::verify;

/// Every check, in the order of the invariants.
///
/// What the older service left need not add up: migration V005 gave such an order the time it was made for its first event; one of
/// ours is made a little before that is told.
pub const CHECKS: &[Check] = &[
    Check::always(
        "O1",
        "product stock equals the sum of its ledger entries",
        "products",
        sql!("SELECT format('product %s: stock %s, ledger %s', p.id, p.stock, coalesce(e.quantity, 0))
         FROM products p
         LEFT JOIN (SELECT product_id, sum(quantity) AS quantity FROM stock_entries GROUP BY product_id) e
             ON e.product_id = p.id
         WHERE p.stock <> coalesce(e.quantity, 0) ORDER BY p.id"),
    ),
    Check::always(
        "O1",
        "received units are in stock, reserved or sold",
        "products",
        sql!("SELECT format('product %s: %s came in, %s in stock, %s held or sold',
                       p.id, coalesce(e.quantity, 0), p.stock, coalesce(r.quantity, 0))
         FROM products p
         LEFT JOIN (SELECT product_id, sum(quantity) AS quantity FROM stock_entries
                    WHERE kind IN ('receive', 'adjust') GROUP BY product_id) e ON e.product_id = p.id
         LEFT JOIN (SELECT product_id, sum(quantity) AS quantity FROM reservations
                    WHERE state IN ('held', 'committed') GROUP BY product_id) r ON r.product_id = p.id
         WHERE coalesce(e.quantity, 0) <> p.stock + coalesce(r.quantity, 0) ORDER BY p.id"),
    ),
    Check::always(
        "O1",
        "reservations match the stock ledger",
        "reservations",
        sql!("SELECT format('order %s, product %s: %s of %s, ledger %s out, %s back, %s sold', order_id, product_id,
                       coalesce(r.state, 'no reservation'), coalesce(r.quantity, 0), coalesce(e.taken, 0),
                       coalesce(e.returned, 0), coalesce(e.sold, 0))
         FROM reservations r
         FULL JOIN (SELECT order_id, product_id, -sum(quantity) FILTER (WHERE kind = 'reserve') AS taken,
                           sum(quantity) FILTER (WHERE kind = 'release') AS returned,
                           count(*) FILTER (WHERE kind = 'commit') AS sold
                    FROM stock_entries WHERE order_id IS NOT NULL GROUP BY order_id, product_id) e
             USING (order_id, product_id)
         WHERE r.state IS NULL OR e.taken IS DISTINCT FROM r.quantity
            OR coalesce(e.returned, 0) <> CASE r.state WHEN 'released' THEN r.quantity ELSE 0 END
            OR (e.sold > 0) <> (r.state = 'committed')
         ORDER BY order_id, product_id"),
    ),
    Check::always(
        "O1",
        "reservations match the status of their order",
        "reservations",
        // What an order held outlives the order, but is held no longer.
        sql!("SELECT format('order %s (%s), product %s: %s', r.order_id, coalesce(o.status, 'gone'), r.product_id, r.state)
         FROM reservations r LEFT JOIN orders o ON o.id = r.order_id
         WHERE NOT CASE o.status
             WHEN 'RESERVED' THEN r.state = 'held' WHEN 'CONFIRMED' THEN r.state = 'held'
             WHEN 'PAID' THEN r.state = 'committed'
             WHEN 'PENDING' THEN r.state = 'released' WHEN 'FAILED' THEN r.state = 'released'
             WHEN 'CANCELLED' THEN r.state = 'released'
             ELSE r.state <> 'held' END
         ORDER BY r.order_id, r.product_id"),
    ),
    Check::always(
        "O1",
        "reservations of a reserved or paid order match its lines",
        "reservations",
        sql!("WITH o AS (SELECT id FROM orders WHERE status IN ('RESERVED', 'CONFIRMED', 'PAID')),
         lines AS (SELECT i.order_id, i.product_id, sum(i.quantity) AS quantity
                   FROM order_items i JOIN o ON o.id = i.order_id GROUP BY i.order_id, i.product_id),
         taken AS (SELECT r.order_id, r.product_id, r.quantity FROM reservations r JOIN o ON o.id = r.order_id)
         SELECT format('order %s, product %s: %s ordered, %s reserved', order_id, product_id,
                       coalesce(l.quantity, 0), coalesce(t.quantity, 0))
         FROM lines l FULL JOIN taken t USING (order_id, product_id)
         WHERE l.quantity IS DISTINCT FROM t.quantity ORDER BY order_id, product_id"),
    ),
    Check::always(
        "O1",
        "every order has lines",
        "orders",
        sql!("SELECT format('order %s: %s, and no lines', o.id, o.status) FROM orders o
             WHERE NOT EXISTS (SELECT FROM order_items i WHERE i.order_id = o.id) AND NOT EXISTS (SELECT FROM order_events a WHERE a.order_id = o.id AND a.kind = 'created' AND a.at = o.created_at) ORDER BY o.id"),
    ),
    Check::always(
        "O1",
        "order total equals the sum of its lines",
        "orders",
        sql!("SELECT format('order %s: total %s, lines %s', o.id, o.total_cents, i.cents) FROM orders o
             JOIN (SELECT order_id, sum(quantity::numeric * unit_price_cents) AS cents FROM order_items GROUP BY order_id) i
                 ON i.order_id = o.id
             WHERE o.total_cents <> i.cents AND NOT EXISTS (SELECT FROM order_events a WHERE a.order_id = o.id AND a.kind = 'created' AND a.at = o.created_at) ORDER BY o.id"),
    ),
    Check::always(
        "O2",
        "no negative stock",
        "products",
        sql!("SELECT format('product %s: stock %s', id, stock) FROM products WHERE stock < 0 ORDER BY id"),
    ),
    Check::always(
        "O3",
        "no order is pending for more than 30 s",
        "orders",
        // Of one that was tried again, since then.
        sql!("SELECT format('order %s: pending since %s', o.id, e.at)
         FROM orders o
         CROSS JOIN LATERAL (SELECT coalesce(max(at), o.created_at) AS at FROM order_events WHERE order_id = o.id) e
         WHERE o.status = 'PENDING' AND e.at < now() - interval '30 seconds' ORDER BY o.id"),
    ),
    Check::always(
        "O3",
        "every pending order has a message in the outbox",
        "orders",
        sql!("SELECT format('order %s: pending, and no message about it', o.id) FROM orders o
         WHERE o.status = 'PENDING' AND NOT EXISTS (SELECT FROM outbox m WHERE m.order_id = o.id) ORDER BY o.id"),
    ),
    Check::always(
        "O3",
        "no reservation is expired for more than 30 s",
        "orders",
        sql!("SELECT format('order %s: %s, expired at %s', id, status, expires_at) FROM orders
         WHERE status = 'RESERVED' AND expires_at < now() - interval '30 seconds' ORDER BY id"),
    ),
    Check::always(
        "O3",
        "every reservation has an expiry time",
        "orders",
        sql!("SELECT format('order %s: reserved for ever', o.id) FROM orders o
             WHERE o.status = 'RESERVED' AND o.expires_at IS NULL AND NOT EXISTS (SELECT FROM order_events a WHERE a.order_id = o.id AND a.kind = 'created' AND a.at = o.created_at) ORDER BY o.id"),
    ),
    Check::always(
        "O3",
        "orders without a user are not awaiting payment",
        "orders",
        sql!("SELECT format('order %s: %s, and its owner is gone', id, status) FROM orders
         WHERE user_id IS NULL AND status IN ('PENDING', 'RESERVED', 'CONFIRMED') ORDER BY id"),
    ),
    verify::NOTHING_OVERDUE,
    Check::always(
        "O4",
        "an order reserves, releases and buys a product at most once",
        "stock_entries",
        sql!("SELECT format('order %s, product %s: %s %s times', order_id, product_id, kind, count(*)) FROM stock_entries
         WHERE order_id IS NOT NULL GROUP BY order_id, product_id, kind HAVING count(*) > 1
         ORDER BY order_id, product_id, kind"),
    ),
    Check::always(
        "O4",
        "no event of an order occurs twice, except after a requeue",
        "order_events",
        sql!("SELECT format('order %s: %s %s times', order_id, kind, count(*))
         FROM (SELECT order_id, kind, count(*) FILTER (WHERE kind = 'requeued')
                                      OVER (PARTITION BY order_id ORDER BY id) AS try FROM order_events) e
         GROUP BY order_id, kind, try HAVING count(*) > 1 ORDER BY order_id, kind"),
    ),
    Check::always(
        "O4",
        "no outbox message of an order that was processed",
        "outbox",
        sql!("SELECT format('message %s: order %s is %s already', m.id, o.id, o.status)
         FROM outbox m JOIN orders o ON o.id = m.order_id
         WHERE o.status IN ('RESERVED', 'CONFIRMED', 'PAID', 'FAILED') ORDER BY m.id"),
    ),
    Check::always(
        "O5",
        "the events of an order lead from its creation to its status",
        "orders",
        sql!("SELECT format('order %s (%s): %s', o.id, o.status, coalesce(t.path, 'no timeline'))
         FROM orders o LEFT JOIN (
             SELECT order_id, string_agg(kind || ' ' || status, ', ' ORDER BY id) AS path,
                    (array_agg(status ORDER BY id DESC))[1] AS last,
                    bool_and(CASE WHEN before IS NULL THEN kind = 'created' AND status = 'PENDING'
                        ELSE kind || ' ' || before || '>' || status IN
                             ('reserved PENDING>RESERVED', 'confirmed RESERVED>CONFIRMED', 'paid RESERVED>PAID',
                              'paid CONFIRMED>PAID', 'failed PENDING>FAILED', 'failed RESERVED>FAILED',
                              'failed CONFIRMED>FAILED', 'cancelled PENDING>CANCELLED',
                              'cancelled RESERVED>CANCELLED', 'cancelled CONFIRMED>CANCELLED',
                              'expired RESERVED>CANCELLED', 'expired CONFIRMED>CANCELLED',
                              'requeued FAILED>PENDING') END) AS allowed
             FROM (SELECT *, lag(status) OVER (PARTITION BY order_id ORDER BY id) AS before FROM order_events) e
             GROUP BY order_id) t ON t.order_id = o.id
         WHERE t.last IS DISTINCT FROM o.status OR NOT t.allowed ORDER BY o.id"),
    ),
    Check::always(
        "O5",
        "the reason of an order is that of its last event",
        "orders",
        sql!("SELECT format('order %s (%s): %s, last %s', o.id, o.status, coalesce(o.reason, 'no reason'), coalesce(e.reason, 'no reason'))
         FROM orders o
         CROSS JOIN LATERAL (SELECT reason FROM order_events WHERE order_id = o.id ORDER BY id DESC LIMIT 1) e
         WHERE o.reason IS DISTINCT FROM e.reason
            OR o.reason IS NOT NULL AND o.status NOT IN ('FAILED', 'CANCELLED') ORDER BY o.id"),
    ),
    Check::always(
        "O6",
        "the order of an idempotency key exists and has the same user",
        "idempotency_keys",
        sql!("SELECT format('user %s, key %s: order %s of user %s', k.user_id, k.key, k.order_id, coalesce(o.user_id::text, '?'))
         FROM (SELECT user_id, key, (convert_from(body, 'UTF8')::jsonb ->> 'id')::bigint AS order_id
               FROM idempotency_keys WHERE status = 201) k
         LEFT JOIN orders o ON o.id = k.order_id WHERE o.user_id IS DISTINCT FROM k.user_id ORDER BY k.order_id"),
    ),
    Check::always(
        "O6",
        "stored responses of idempotency keys match their orders",
        "idempotency_keys",
        // What never changes of an order, and the states that are for good. An owner who was anonymised may be named.
        sql!("SELECT * FROM (SELECT format('user %s, key %s: order %s has another %s', k.user_id, k.key, o.id, concat_ws(', ',
                CASE WHEN (k.body ->> 'total_cents')::bigint IS DISTINCT FROM o.total_cents THEN 'total' END,
                CASE WHEN k.body ->> 'currency' IS DISTINCT FROM o.currency THEN 'currency' END,
                CASE WHEN (k.body ->> 'user_id')::bigint IS DISTINCT FROM coalesce(o.user_id, (k.body ->> 'user_id')::bigint)
                     THEN 'owner' END,
                CASE WHEN (k.body ->> 'created_at')::timestamptz IS DISTINCT FROM o.created_at THEN 'time' END,
                CASE WHEN k.body ->> 'status' IS DISTINCT FROM CASE k.status WHEN 201 THEN 'PENDING' ELSE o.status END
                     THEN 'state' END,
                CASE WHEN (SELECT coalesce(jsonb_agg(jsonb_build_array(i -> 'id', i -> 'product_id', i -> 'sku', i -> 'name',
                                  i -> 'quantity', i -> 'unit_price_cents') ORDER BY (i ->> 'id')::bigint), '[]')
                           FROM jsonb_array_elements(k.body -> 'items') i)
                     IS DISTINCT FROM
                          (SELECT coalesce(jsonb_agg(jsonb_build_array(id, product_id, sku, name, quantity, unit_price_cents)
                                  ORDER BY id), '[]') FROM order_items WHERE order_id = o.id) THEN 'lines' END,
                CASE WHEN k.status = 201 AND NOT ('/api/v2/orders/' || o.id = ANY (k.headers)) THEN 'place' END)) AS wrong
             FROM (SELECT user_id, key, status, headers, convert_from(body, 'UTF8')::jsonb AS body
                   FROM idempotency_keys WHERE status IN (200, 201)) k
             JOIN orders o ON o.id = (k.body ->> 'id')::bigint ORDER BY k.user_id, k.key) answers
         WHERE wrong NOT LIKE '%has another '"),
    ),
    Check::always(
        "O6",
        "no order was created by two idempotency keys",
        "idempotency_keys",
        sql!("SELECT format('order %s: made by keys %s', order_id, string_agg(key, ', ' ORDER BY key))
         FROM (SELECT key, convert_from(body, 'UTF8')::jsonb ->> 'id' AS order_id
               FROM idempotency_keys WHERE status = 201) k
         GROUP BY order_id HAVING count(*) > 1 ORDER BY order_id"),
    ),
    verify::DEAD_LETTERS_COMPLETE,
    verify::DEAD_LETTERS_SETTLED,
    verify::EMPTY,
];
