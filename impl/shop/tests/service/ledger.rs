//! The stock ledger, as superusers see it.

use serde_json::{Value, json};
use testkit::pages::walk;

use crate::world::{PRODUCTS, World, id};

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_an_entry_newest_first() {
    let world = World::new().await;
    let product = world.product("LEDGER", 1, 10).await;
    let other = world.product("OTHER", 1, 99).await;
    let order = world.stored_order("RESERVED", None, &product, 4).await;
    world.adjust(id(&other), 1).await.expect(200);
    world.adjust(id(&product), -1).await.expect(200);
    world.database.execute(&format!("SELECT release_stock(ARRAY[{order}]::bigint[])")).await;
    let path = format!("{PRODUCTS}/{}/ledger", product["id"]);
    let ledger = world.admin.get(&path).await.expect(200);
    let shown: Vec<Value> = ledger
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| json!([entry["product_id"], entry["kind"], entry["quantity"], entry["order_id"]]))
        .collect();
    let expected = json!([
        [product["id"], "release", 4, order],
        [product["id"], "adjust", -1, null],
        [product["id"], "reserve", -4, order],
        [product["id"], "receive", 10, null]
    ]);
    assert_eq!(json!(shown), expected);
    let sum: i64 = ledger.as_array().expect("a list").iter().filter_map(|entry| entry["quantity"].as_i64()).sum();
    assert_eq!(world.stock(id(&product)).await, sum);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pages_are_the_whole_also_of_a_product_off_the_shelf() {
    let world = World::new().await;
    let product = id(&world.product("PAGED", 1, 10).await);
    for delta in 1..=6 {
        world.adjust(product, delta).await.expect(200);
    }
    world.admin.delete(&format!("{PRODUCTS}/{product}")).await.expect(204);
    let path = format!("{PRODUCTS}/{product}/ledger");
    for limit in [1, 2, 7, 8] {
        let quantities: Vec<i64> =
            walk(&world.admin, &path, limit).await.iter().filter_map(|entry| entry["quantity"].as_i64()).collect();
        assert_eq!(quantities, [6, 5, 4, 3, 2, 1, 10]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_without_changes_has_an_empty_one_and_none_has_none() {
    let world = World::new().await;
    let product = id(&world.product("EMPTY", 1, 0).await);
    assert_eq!(world.admin.get(&format!("{PRODUCTS}/{product}/ledger")).await.expect(200), json!([]));
    let none = format!("{PRODUCTS}/{}/ledger", product + 1);
    world.admin.get(&none).await.expect_problem(404, "product_not_found");
}
