//! The shop's tables of the older Python service, as in existing deployments, are migrated.

use std::collections::BTreeSet;

use platform::migrate;
use platform::settings::Environment::Production;
use sqlx::{AssertSqlSafe, Row};
use testkit::TestDatabase;

/// The older service's tables before it had a shop.
const USERS: &str = "
CREATE TABLE users (id serial PRIMARY KEY, email varchar NOT NULL UNIQUE, hashed_password varchar NOT NULL,
    full_name varchar, is_active boolean DEFAULT true, is_superuser boolean DEFAULT false,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
INSERT INTO users (email, hashed_password) VALUES ('a@example.com', '!'), ('b@example.com', '!');
";

/// Statuses in a text column, times without a zone, a unique constraint with the name of the new index.
const WITH_TEXT: &str = "
CREATE TABLE products (id serial PRIMARY KEY, sku varchar NOT NULL UNIQUE, name varchar NOT NULL, description text,
    price_cents integer NOT NULL, stock integer NOT NULL, created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now());
CREATE TABLE orders (id serial PRIMARY KEY, user_id integer NOT NULL REFERENCES users (id),
    status varchar(20) NOT NULL DEFAULT 'PENDING' CHECK (status <> ''), total_cents integer NOT NULL,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE order_items (id serial PRIMARY KEY, order_id integer NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    product_id integer NOT NULL REFERENCES products (id), quantity integer NOT NULL, unit_price_cents integer NOT NULL);
";

/// An ENUM type, times with a zone, an index where the constraint was, and columns that allow NULL.
const WITH_ENUM: &str = "
CREATE TYPE orderstatus AS ENUM ('PENDING', 'RESERVED', 'CONFIRMED', 'PAID', 'FAILED', 'CANCELLED');
CREATE TABLE products (id serial PRIMARY KEY, sku varchar(64) NOT NULL, name varchar(200), description varchar(500),
    price_cents integer, stock integer DEFAULT 0, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now());
CREATE UNIQUE INDEX ix_products_sku ON products (sku);
CREATE TABLE orders (id serial PRIMARY KEY, user_id integer REFERENCES users (id),
    status orderstatus DEFAULT 'PENDING'::orderstatus, total_cents integer DEFAULT 0,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE order_items (id serial PRIMARY KEY, order_id integer REFERENCES orders (id),
    product_id integer REFERENCES products (id) ON DELETE SET NULL, quantity integer, unit_price_cents integer);
";

/// A small history: product 3 was oversold, order 4 names a product twice at one price, order 5 at two.
const HISTORY: &str = "
INSERT INTO products (sku, name, price_cents, stock, created_at, updated_at) VALUES
    ('A', 'Apple', 100, 10, '2024-01-01 00:00:00', '2024-01-05 00:00:00'),
    ('B', 'Bread', 250, 0, '2024-01-01', '2024-01-01'), ('C', 'Cheese', 900, -3, '2024-01-01', '2024-01-01'),
    ('D', 'Date', -5, 2000000000, '2024-01-01', '2024-01-01');
INSERT INTO orders (user_id, status, total_cents, created_at, updated_at) VALUES
    (1, 'PENDING', 200, '2024-02-01 10:00:00', '2024-02-01 10:00:00'), (1, 'RESERVED', 200, '2024-02-02', '2024-02-03'),
    (2, 'CONFIRMED', 250, '2024-02-03', '2024-02-04'), (2, 'PAID', 500, '2024-02-04', '2024-02-05'),
    (1, 'PAID', 1100, '2024-02-05', '2024-02-06'), (1, 'FAILED', 900, '2024-02-06', '2024-02-07'),
    (2, 'CANCELLED', 100, '2024-02-07', '2024-02-08'), (2, 'PENDING', 100, '2024-02-08', '2024-02-08');
INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents) VALUES
    (1, 1, 2, 100), (2, 1, 2, 100), (3, 2, 1, 250), (3, 4, 7, 0), (4, 1, 2, 100), (4, 1, 3, 100),
    (5, 3, 1, 900), (5, 1, 1, 100), (5, 1, 1, 101), (6, 3, 1, 900), (7, 1, 1, 100), (8, 1, 1, 100);
SELECT setval('orders_id_seq', 20);
";

/// The shape of the shop's tables: columns, constraints, unique indexes and triggers.
const SHAPE: &str = "
SELECT format('%s.%s %s%s%s%s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
    CASE WHEN attnotnull THEN ' NOT NULL' END, ' IDENTITY ' || nullif(attidentity::text, ''),
    ' DEFAULT ' || pg_get_expr(adbin, adrelid))
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid IN ('products'::regclass, 'orders'::regclass, 'order_items'::regclass)
  AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
FROM pg_constraint
WHERE conrelid IN ('products'::regclass, 'orders'::regclass, 'order_items'::regclass)
   OR confrelid IN ('products'::regclass, 'orders'::regclass, 'order_items'::regclass)
UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename IN ('products', 'orders', 'order_items')
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid IN ('products'::regclass, 'orders'::regclass, 'order_items'::regclass)
UNION ALL SELECT format('%s %s', seqrelid::regclass, seqtypid::regtype) FROM pg_sequence
UNION ALL SELECT format('type %s', typname) FROM pg_type WHERE typname = 'orderstatus'";

/// O1 to O5 of the data: rows that contradict the stock, the ledger, or the order they belong to.
const CONTRADICTIONS: &str = "
SELECT format('stock of %s', p.id) FROM products p
WHERE p.stock <> (SELECT coalesce(sum(quantity), 0) FROM stock_entries WHERE product_id = p.id) OR p.stock < 0
   OR (SELECT coalesce(sum(quantity), 0) FROM stock_entries WHERE product_id = p.id AND kind IN ('receive', 'adjust'))
      <> p.stock + (SELECT coalesce(sum(quantity), 0) FROM reservations WHERE product_id = p.id AND state <> 'released')
UNION ALL SELECT format('reservations of %s', o.id) FROM orders o
WHERE (SELECT coalesce(sum(quantity), 0) FROM reservations r WHERE r.order_id = o.id
       AND r.state = CASE o.status WHEN 'PAID' THEN 'committed' ELSE 'held' END)
    <> CASE WHEN o.status IN ('RESERVED', 'CONFIRMED', 'PAID')
       THEN (SELECT sum(quantity) FROM order_items WHERE order_id = o.id) ELSE 0 END
UNION ALL SELECT format('timeline of %s', o.id) FROM orders o
WHERE o.status <> (SELECT status FROM order_events WHERE order_id = o.id ORDER BY id DESC LIMIT 1)
   OR 'created' <> (SELECT kind FROM order_events WHERE order_id = o.id ORDER BY id LIMIT 1)";

async fn texts(test: &TestDatabase, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query_scalar(sql).fetch_all(&mut test.connect().await).await.expect("answers")
}

async fn shape(test: &TestDatabase) -> BTreeSet<String> {
    texts(test, SHAPE).await.into_iter().collect()
}

/// An older database after the migration, with the right schema and consistent sums.
async fn adopted(tables: &str, history: &str) -> TestDatabase {
    let test = TestDatabase::empty().await;
    for sql in [USERS, tables, history] {
        test.execute(sql).await;
    }
    migrate::run(&test.settings(), Production).await.expect("migrates");
    let (found, wanted) = (shape(&test).await, shape(&TestDatabase::new().await).await);
    let missing: Vec<_> = wanted.difference(&found).collect();
    let extra: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}, too much {extra:#?}");
    assert_eq!(texts(&test, CONTRADICTIONS).await, [] as [&str; 0]);
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_shop_becomes_a_new_one() {
    for tables in [WITH_TEXT, WITH_ENUM] {
        let test = adopted(tables, HISTORY).await;
        let stock = "SELECT format('%s %s %s %s', sku, stock, price_cents, currency) FROM products ORDER BY id";
        // Oversold stock is zero, and the stock that order 3 may return still fits.
        assert_eq!(texts(&test, stock).await, ["A 10 100 USD", "B 0 250 USD", "C 0 900 USD", "D 999999993 0 USD"]);
        let ledger =
            "SELECT string_agg(format('%s %s %s', kind, quantity, coalesce(order_id::text, '-')), ', ' ORDER BY id)
                      FROM stock_entries WHERE product_id = 1";
        let expected = "receive 19 -, reserve -2 2, reserve -5 4, reserve -2 5, commit 0 4, commit 0 5";
        assert_eq!(texts(&test, ledger).await, [expected]);
        let lines = "SELECT format('%s: %s x %s %s at %s', order_id, quantity, sku, name, unit_price_cents)
                     FROM order_items WHERE order_id IN (4, 5) ORDER BY id";
        assert_eq!(
            texts(&test, lines).await,
            ["4: 5 x A Apple at 100", "5: 1 x C Cheese at 900", "5: 2 x A Apple at 101"]
        );
        let totals = "SELECT string_agg(total_cents::text, ' ' ORDER BY id) FROM orders";
        assert_eq!(texts(&test, totals).await, ["200 200 250 500 1100 900 100 100"], "what was agreed stays");
        let timeline = "SELECT format('%s %s %s %s', kind, status, reason, at AT TIME ZONE 'UTC') FROM order_events
                        WHERE order_id IN (1, 7) ORDER BY order_id, id";
        let expected = [
            "created PENDING  2024-02-01 10:00:00",
            "created PENDING  2024-02-07 00:00:00",
            "cancelled CANCELLED cancelled_by_user 2024-02-08 00:00:00",
        ];
        assert_eq!(texts(&test, timeline).await, expected);
        let waiting = "SELECT format('%s %s %s %s', topic, order_id, payload, published_at) FROM outbox ORDER BY id";
        assert_eq!(
            texts(&test, waiting).await,
            ["order.created 1 {\"order_id\":1} ", "order.created 8 {\"order_id\":8} "]
        );
    }
}

/// By today's rule two of these are the same; they stay, and can be changed, until one gets another SKU.
#[tokio::test(flavor = "multi_thread")]
async fn skus_that_are_one_today_stay_two() {
    let test = TestDatabase::empty().await;
    for sql in [USERS, WITH_TEXT, HISTORY] {
        test.execute(sql).await;
    }
    test.execute(
        "INSERT INTO products (sku, name, price_cents, stock) VALUES ('a', 'Twin', 1, 1), (' A', 'Third', 1, 1)",
    )
    .await;
    migrate::run(&test.settings(), Production).await.expect("migrates");
    let skus = "SELECT format('%s|%s', sku, coalesce(sku_identity, 'none')) FROM products WHERE lower(trim(sku)) = 'a' ORDER BY id";
    assert_eq!(texts(&test, skus).await, ["A|a", "a|none", " A|none"]);
    test.execute("UPDATE products SET name = 'Renamed', sku = sku WHERE name = 'Twin'").await;
    test.execute("UPDATE products SET sku = 'a2' WHERE name = 'Renamed'").await;
    for taken in [
        "INSERT INTO products (sku, name, price_cents) VALUES ('\u{ff41}', 'x', 1)",
        "UPDATE products SET sku = 'A 2' WHERE name = 'Third'",
    ] {
        let refused = sqlx::query(taken).execute(&mut test.connect().await).await.expect_err(taken);
        assert_eq!(refused.as_database_error().and_then(|error| error.constraint()), Some("products_sku_identity_key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_go_on_after_the_highest_ever_given() {
    let test = adopted(WITH_TEXT, HISTORY).await;
    let row = sqlx::query(
        "WITH p AS (INSERT INTO products (sku, name, price_cents) VALUES ('E', 'Egg', 1) RETURNING id),
              o AS (INSERT INTO orders (user_id, total_cents) VALUES (1, 1) RETURNING id),
              i AS (INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
                    VALUES (1, 2, 'B', 'Bread', 1, 1) RETURNING id)
         SELECT p.id, o.id, i.id FROM p, o, i",
    )
    .fetch_one(&mut test.connect().await)
    .await
    .expect("rows can be added");
    assert_eq!((0..3).map(|n| row.get::<i64, _>(n)).collect::<Vec<_>>(), [5, 21, 13]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_shop_let_through_is_repaired() {
    const ODD: &str = "
        INSERT INTO products (sku, name, price_cents, stock) VALUES (repeat('s', 60), NULL, NULL, NULL), ('', '', 1, 1);
        INSERT INTO orders (user_id, status, total_cents, created_at, updated_at) VALUES
            (NULL, 'PENDING', 1, now(), now()), (1, NULL, 5, now(), now()), (1, 'PAID', -4, NULL, NULL),
            (1, 'RESERVED', NULL, now(), now());
        INSERT INTO order_items (order_id, product_id, quantity, unit_price_cents) VALUES
            (1, 1, 1, 1), (NULL, 1, 1, 1), (2, 1, 0, 1), (3, 1, NULL, 1), (3, 1, -2, 1), (3, NULL, 3, 7), (3, NULL, 1, 9),
            (3, 2, 4, -7), (4, 1, 2, 3);";
    let test = TestDatabase::empty().await;
    test.execute(USERS).await;
    test.execute(WITH_ENUM).await;
    test.execute(ODD).await;
    migrate::run(&test.settings(), Production).await.expect("migrates");
    let products =
        "SELECT format('%s %s %s %s', left(sku, 9), left(name, 9), price_cents, stock) FROM products ORDER BY id";
    assert_eq!(texts(&test, products).await, ["sssssssss sssssssss 0 0", "missing-2 missing-2 1 1"]);
    let orders = "SELECT format('%s %s %s %s', id, status, reason, total_cents) FROM orders ORDER BY id";
    assert_eq!(texts(&test, orders).await, ["2 FAILED processing_failed 5", "3 PAID  30", "4 RESERVED  6"]);
    let lines = "SELECT format('%s: %s x %s at %s', order_id, quantity, left(sku, 9), unit_price_cents)
                 FROM order_items ORDER BY id";
    // Deleted products are not confused with each other, nor with later ones.
    let expected = ["3: 3 x unknown at 7", "3: 1 x unknown at 9", "3: 4 x missing-2 at 0", "4: 2 x sssssssss at 3"];
    assert_eq!(texts(&test, lines).await, expected);
    let forgotten = "SELECT product_id::text FROM order_items WHERE sku = 'unknown'
                     INTERSECT SELECT id::text FROM products";
    assert_eq!(texts(&test, forgotten).await, [] as [&str; 0]);
    let held = "SELECT format('%s %s %s', order_id, product_id, state) FROM reservations ORDER BY order_id, product_id";
    assert_eq!(texts(&test, held).await, ["3 2 committed", "4 1 held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_has_nothing_to_adopt() {
    const ADOPTION: &str = include_str!("../../../migrations/V005__adopt_older_shop.sql");
    let test = TestDatabase::empty().await;
    for text in migrate::texts().into_iter().take_while(|text| text != ADOPTION) {
        test.execute(&text).await;
    }
    let before = shape(&test).await;
    test.execute(ADOPTION).await;
    assert_eq!(shape(&test).await, before);
    let rows = "SELECT format('%s %s %s', (SELECT count(*) FROM stock_entries), (SELECT count(*) FROM order_events),
                (SELECT count(*) FROM outbox))";
    assert_eq!(texts(&test, rows).await, ["0 0 0"]);
}
