//! The defects of the reference system that its products had: each has a test that fails where the defect is.

use serde_json::json;

use crate::world::{PRODUCTS, World, ids};

#[tokio::test(flavor = "multi_thread")]
async fn defect_2_a_user_cannot_edit_or_delete_a_product() {
    let world = World::new().await;
    let product = world.product("MINE", 100, 5).await;
    let person = world.person("eve").await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    person.client.patch(&path, &json!({"price_cents": 1})).await.expect_problem(403, "insufficient_scope");
    person.client.delete(&path).await.expect_problem(403, "insufficient_scope");
    assert_eq!(world.nobody.get(&path).await.expect(200), product);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_8_what_is_not_there_or_makes_no_sense_is_no_failure() {
    let world = World::new().await;
    let product = world.product("SANE", 1, 1).await;
    for path in ["4711", "9007199254740991"] {
        let path = format!("{PRODUCTS}/{path}");
        world.nobody.get(&path).await.expect_problem(404, "product_not_found");
        world.admin.patch(&path, &json!({"price_cents": 1})).await.expect_problem(404, "product_not_found");
        world.admin.delete(&path).await.expect_problem(404, "product_not_found");
        world.admin.get(&format!("{path}/ledger")).await.expect_problem(404, "product_not_found");
    }
    world.adjust(4711, 1).await.expect_problem(404, "product_not_found");
    for path in ["0", "-1", "x", "1.0", "9223372036854775808", "%00"] {
        world.nobody.get(&format!("{PRODUCTS}/{path}")).await.expect_invalid("#/product_id");
    }
    for (query, name) in [
        ("skip=-1", "skip"),
        ("skip=1000001", "skip"),
        ("skip=99999999999999999999", "skip"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=all", "limit"),
        ("sort=stock", "sort"),
        ("sort=id;--", "sort"),
        ("count=2", "count"),
    ] {
        world.nobody.get(&format!("{PRODUCTS}?{query}")).await.expect_invalid(&format!("#/{name}"));
    }
    for delta in [i64::MAX, i64::MIN, 1_000_000_001] {
        let id = product["id"].as_i64().expect("an id");
        world.adjust(id, delta).await.expect_invalid("#/delta");
    }
    // A page beyond the end is empty.
    assert_eq!(world.nobody.get(&format!("{PRODUCTS}?skip=1000000")).await.expect(200), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_9_lists_are_bounded_ordered_and_counted() {
    let world = World::new().await;
    let before = world.number("SELECT count(*) FROM products").await;
    world
        .database
        .execute(
            "INSERT INTO products (sku, name, price_cents)
             SELECT 'BULK-' || n, 'product ' || n % 7, n % 5 FROM generate_series(1, 1005) n",
        )
        .await;
    assert_eq!(ids(&world.nobody.get(PRODUCTS).await.expect(200)).len(), 100, "the default");
    assert_eq!(ids(&world.nobody.get(&format!("{PRODUCTS}?limit=1000")).await.expect(200)).len(), 1000, "the most");
    world.nobody.get(&format!("{PRODUCTS}?limit=1001")).await.expect_invalid("#/limit");

    let first = ids(&world.nobody.get(&format!("{PRODUCTS}?limit=50")).await.expect(200));
    assert!(first.is_sorted());
    // An update moves the row in the table, not in the list.
    world.database.execute("UPDATE products SET description = 'moved' WHERE id % 2 = 0").await;
    assert_eq!(ids(&world.nobody.get(&format!("{PRODUCTS}?limit=50")).await.expect(200)), first);

    let counted = world.nobody.get(&format!("{PRODUCTS}?limit=1&count=true")).await;
    assert_eq!(counted.header("x-total-count"), (before + 1005).to_string());
    assert!(!world.nobody.get(PRODUCTS).await.headers.contains_key("x-total-count"));
}
