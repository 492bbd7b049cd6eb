//! Pages by cursor: together they are the whole list, each row once, in every order.

use proptest::prelude::*;
use proptest::sample::select;
use sqlx::AssertSqlSafe;
use testkit::pages::{id, ids, walk};

use crate::random::for_all;
use crate::world::{PRODUCTS, World};

/// Every order of the list, and what it means in SQL.
const SORTS: [(&str, &str); 8] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("name", "name_key, id"),
    ("-name", "name_key DESC, id DESC"),
    ("price_cents", "price_cents, id"),
    ("-price_cents", "price_cents DESC, id DESC"),
];

/// A product as inserted: name, price, days since a fixed time, stock, archived.
type Row = (&'static str, i64, i32, i64, bool);

/// Few different keys, so that many rows share theirs.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let names = select(vec!["aaa", "aab", "Aaa", "a a", "100%", "a_\\b", "\"quoted\"", "ÄÖÜ", "日本語", "\u{1}\t\n"]);
    let prices = select(vec![0, 1, 250, 4_000_000_000]);
    prop::collection::vec((names, prices, 0..3_i32, 0..2_i64, prop::bool::weighted(0.2)), 0..40)
}

/// Replaces the products, and returns the ids of the active ones in an order.
async fn put(world: &World, rows: &[Row], by: &str) -> Vec<i64> {
    let mut db = world.database.connect().await;
    let fresh = "DELETE FROM stock_entries; DELETE FROM products";
    sqlx::raw_sql(fresh).execute(&mut db).await.expect("an empty shelf");
    for (n, (name, price, created, stock, deleted)) in rows.iter().enumerate() {
        sqlx::query(
            "INSERT INTO products (sku, name, price_cents, created_at, stock, deleted_at) VALUES ($1, $2, $3,
             timestamptz '2030-01-01T00:00:00.000123Z' + interval '1 day' * $4, $5, CASE WHEN $6 THEN now() END)",
        )
        .bind(format!("SKU-{n}"))
        .bind(name)
        .bind(price)
        .bind(created)
        .bind(stock)
        .bind(deleted)
        .execute(&mut db)
        .await
        .expect("a row");
    }
    let sql = format!("SELECT id FROM products WHERE deleted_at IS NULL ORDER BY {by}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut db).await.expect("ids")
}

#[test]
fn pages_together_are_the_list_in_every_order() {
    for_all(&(rows(), select(SORTS.to_vec()), 1..12_usize), async |world, (rows, (sort, by), limit)| {
        let expected = put(world, &rows, by).await;
        let path = format!("{PRODUCTS}?sort={sort}");
        let walked: Vec<i64> = walk(&world.nobody, &path, limit).await.iter().map(id).collect();
        assert_eq!(walked, expected, "{sort} by {limit}");
        assert_eq!(ids(&world.nobody.get(&format!("{path}&limit=1000")).await.expect(200)), expected);
    });
}

#[test]
fn skip_and_limit_cut_the_same_list() {
    let strategy = (rows(), select(SORTS.to_vec()), 0..45_usize, 1..20_usize);
    for_all(&strategy, async |world, (rows, (sort, by), skip, limit)| {
        let expected = put(world, &rows, by).await;
        let path = format!("{PRODUCTS}?sort={sort}&skip={skip}&limit={limit}&count=true");
        let answer = world.nobody.get(&path).await;
        let cut: Vec<i64> = expected.iter().skip(skip).take(limit).copied().collect();
        assert_eq!(ids(&answer.json), cut);
        assert_eq!(answer.header("x-total-count"), expected.len().to_string(), "the whole, not the part");
        assert_eq!(answer.header("x-next-cursor").is_empty(), skip + limit >= expected.len());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_belongs_to_one_order_and_filter() {
    let world = World::new().await;
    for n in 0..3 {
        world.product(&format!("PAGED-{n}"), 1, 1).await;
    }
    let ledger = format!("{PRODUCTS}/{}/ledger", world.product("BOOKED", 1, 1).await["id"]);
    world
        .admin
        .send(world.admin.request(http::Method::PATCH, &ledger.replace("ledger", "stock?delta=1")))
        .await
        .expect(200);
    let mut lists: Vec<String> = SORTS.iter().map(|(sort, _)| format!("{PRODUCTS}?limit=1&sort={sort}")).collect();
    lists.push(format!("{PRODUCTS}?limit=1&q=PAGED"));
    lists.push(format!("{PRODUCTS}?limit=1&in_stock=true"));
    lists.push(format!("{PRODUCTS}?limit=1&in_stock=true&q=PAGED"));
    lists.push(format!("{ledger}?limit=1"));
    let mut cursors = Vec::new();
    for list in &lists {
        cursors.push(world.admin.get(list).await.header("x-next-cursor").to_owned());
    }
    for (n, list) in lists.iter().enumerate() {
        for (m, cursor) in cursors.iter().enumerate() {
            let answer = world.admin.get(&format!("{list}&cursor={cursor}")).await;
            if n == m {
                answer.expect(200);
            } else {
                answer.expect_problem(404, "cursor_not_found");
            }
        }
        world.admin.get(&format!("{list}&cursor=AAAA")).await.expect_problem(404, "cursor_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_names_fit_into_a_cursor() {
    let world = World::new().await;
    // Quotes and control characters have the longest JSON.
    for (n, name) in ["\"".repeat(255), "ü".repeat(255), "\\".repeat(255)].iter().enumerate() {
        for m in 0..2 {
            let product = serde_json::json!({"sku": format!("LONG-{n}{m}"), "name": name, "price_cents": 1});
            world.admin.post(PRODUCTS, &product).await.expect(201);
        }
    }
    assert_eq!(walk(&world.nobody, &format!("{PRODUCTS}?q=LONG&sort=name"), 1).await.len(), 6);
}
