//! Stock is compared with its ledger, all the time and a little at a time.

use sqlx::Executor as _;

use crate::world::{World, id};

/// How many products are found wrong.
async fn audit(world: &World) -> usize {
    world.pipeline.audit().await.expect("Postgres answers").0
}

/// How many orders are.
async fn audit_orders(world: &World) -> usize {
    world.pipeline.audit().await.expect("Postgres answers").1
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_not_what_its_ledger_says_is_found_until_it_is_mended() {
    let world = World::new().await;
    let product = id(&world.product("WRONG", 1, 10).await);
    world.stored_order("RESERVED", None, &world.product("RIGHT", 1, 10).await, 4).await;
    assert_eq!(audit(&world).await, 0);
    let set = |stock: i64| format!("UPDATE products SET stock = {stock} WHERE id = {product}");
    world.database.execute(&set(9)).await;
    assert_eq!(audit(&world).await, 1);
    assert_eq!(audit(&world).await, 1);
    world.database.execute(&set(10)).await;
    assert_eq!(audit(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_held_than_was_taken_is_found() {
    let world = World::new().await;
    let product = world.product("HELD", 1, 10).await;
    let order = world.stored_order("RESERVED", None, &product, 4).await;
    world.database.execute(&format!("UPDATE reservations SET quantity = 5 WHERE order_id = {order}")).await;
    assert_eq!(audit(&world).await, 1);
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
        found.push(audit(&world).await);
    }
    assert_eq!(found, [0, 0, 1, 1], "100 at a time, and what was found stays in sight");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_does_not_hold_together_is_found_until_it_is_mended() {
    let world = World::new().await;
    let (spoon, fork) = (world.product("SPOON", 1, 10).await, world.product("FORK", 1, 10).await);
    let ada = world.person("ada").await;
    let order = ada.order(&spoon, 2).await;
    let (paid, off) = (ada.order(&fork, 1).await, ada.order(&fork, 1).await);
    world.drain().await;
    ada.client.post_empty(&format!("/api/v2/orders/{paid}/pay")).await.expect(200);
    ada.client.post_empty(&format!("/api/v2/orders/{off}/cancel")).await.expect(200);
    assert_eq!(audit_orders(&world).await, 0);
    let spoiled = [
        (order, "UPDATE orders SET total_cents = 3 WHERE id = $"),
        (order, "DELETE FROM order_items WHERE order_id = $"),
        (order, "UPDATE reservations SET quantity = 1 WHERE order_id = $"),
        (order, "DELETE FROM reservations WHERE order_id = $"),
        (paid, "UPDATE reservations SET state = 'held' WHERE order_id = $"),
        (off, "UPDATE reservations SET state = 'held' WHERE order_id = $"),
        (
            off,
            "INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents) VALUES ($, 4711, '', '', 1, 7)",
        ),
    ];
    let mut db = world.database.connect().await;
    for (order, damage) in spoiled {
        let tables = "order_items, reservations, orders";
        for table in tables.split(", ") {
            let copy = format!("CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}");
            db.execute(sqlx::AssertSqlSafe(copy)).await.expect("it is copied");
        }
        db.execute(sqlx::AssertSqlSafe(damage.replace('$', &order.to_string()))).await.expect(damage);
        assert_eq!(audit_orders(&world).await, 1, "{damage}");
        // As somebody would who mends it by hand.
        let mend = "DELETE FROM order_items; INSERT INTO order_items SELECT * FROM kept_order_items;
                    DELETE FROM reservations; INSERT INTO reservations SELECT * FROM kept_reservations;
                    UPDATE orders o SET total_cents = k.total_cents FROM kept_orders k WHERE k.id = o.id;
                    DROP TABLE kept_order_items, kept_reservations, kept_orders";
        db.execute(mend).await.expect("it is mended");
        assert_eq!(audit_orders(&world).await, 0, "{damage}");
    }
}
