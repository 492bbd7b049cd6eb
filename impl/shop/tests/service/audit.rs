//! Stock is compared with its ledger, all the time and a little at a time.

use crate::world::{World, id};

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_not_what_its_ledger_says_is_found_until_it_is_mended() {
    let world = World::new().await;
    let product = id(&world.product("WRONG", 1, 10).await);
    world.stored_order("RESERVED", None, &world.product("RIGHT", 1, 10).await, 4).await;
    assert_eq!(world.pipeline.audit().await.expect("Postgres answers"), 0);
    let set = |stock: i64| format!("UPDATE products SET stock = {stock} WHERE id = {product}");
    world.database.execute(&set(9)).await;
    assert_eq!(world.pipeline.audit().await.expect("Postgres answers"), 1);
    assert_eq!(world.pipeline.audit().await.expect("Postgres answers"), 1);
    world.database.execute(&set(10)).await;
    assert_eq!(world.pipeline.audit().await.expect("Postgres answers"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_held_than_was_taken_is_found() {
    let world = World::new().await;
    let product = world.product("HELD", 1, 10).await;
    let order = world.stored_order("RESERVED", None, &product, 4).await;
    world.database.execute(&format!("UPDATE reservations SET quantity = 5 WHERE order_id = {order}")).await;
    assert_eq!(world.pipeline.audit().await.expect("Postgres answers"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_moved_for_long_is_looked_at_in_its_turn() {
    let world = World::new().await;
    // No entry speaks of these, so that only the walk along all products finds the one that is wrong.
    let many = "INSERT INTO products (sku, name, price_cents, stock) \
                SELECT 'OLD-' || n, 'old', 1, CASE n WHEN 250 THEN 7 ELSE 0 END FROM generate_series(1, 260) n";
    world.database.execute(many).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(world.pipeline.audit().await.expect("Postgres answers"));
    }
    assert_eq!(found, [0, 0, 1, 1], "100 at a time, and what was found stays in sight");
}
