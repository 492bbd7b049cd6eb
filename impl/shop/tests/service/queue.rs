//! The number and age of waiting messages.

use serde_json::{Value, json};

use crate::world::World;

async fn queue(world: &World) -> Value {
    world.admin.get("/api/v2/admin/queue").await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_in_a_shop_at_rest() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 50).await;
    for (status, reason) in [("RESERVED", None), ("PAID", None), ("FAILED", Some("processing_failed"))] {
        world.stored_order(status, reason, &product, 1).await;
    }
    let expected = json!({"unpublished": 0, "unread": null, "in_progress": null, "pending_orders": 0,
        "oldest_seconds": 0.0, "dead_letters": 0});
    assert_eq!(queue(&world).await, expected, "without Redis nobody knows what is in the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted_and_dated() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 50).await;
    let (old, new) = (
        world.stored_order("PENDING", None, &product, 1).await,
        world.stored_order("PENDING", None, &product, 1).await,
    );
    world
        .database
        .execute(&format!(
            "UPDATE orders SET created_at = now() - interval '1 hour' WHERE id = {old};
             INSERT INTO outbox (topic, order_id, payload, published_at) VALUES
                 ('order.created', {old}, '', NULL), ('order.created', {new}, '', NULL),
                 ('order.created', {new}, '', now());
             INSERT INTO dead_letters (topic, payload, reason, state) VALUES
                 ('a', '', '', 'waiting'), ('b', '', '', 'waiting'), ('c', '', '', 'waiting'),
                 ('d', '', '', 'discarded')"
        ))
        .await;
    let shown = queue(&world).await;
    assert_eq!(
        (&shown["unpublished"], &shown["pending_orders"], &shown["dead_letters"]),
        (&json!(2), &json!(2), &json!(3))
    );
    assert!(shown["oldest_seconds"].as_f64() >= Some(3600.0), "{shown}");

    // A clock that was set back does not make ages negative.
    world.database.execute("UPDATE orders SET created_at = now() + interval '1 hour'").await;
    assert_eq!(queue(&world).await["oldest_seconds"], json!(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_as_old_as_its_oldest_message_that_is_due() {
    let world = World::new().await;
    let age = async || world.pipeline.outbox().state().await.expect("Postgres answers").oldest_seconds;
    assert_eq!(age().await, 0.0);
    let write = "INSERT INTO outbox (topic, payload, created_at, available_at, published_at) VALUES
        ('published', '', now() - interval '3 hours', now(), now()),
        ('to be tried again', '', now() - interval '2 hours', now() + interval '1 hour', NULL)";
    world.database.execute(write).await;
    assert_eq!(age().await, 0.0, "one is away, of the other it is not the time");
    let write = "INSERT INTO outbox (topic, payload, created_at, available_at) VALUES
        ('due', '', now() - interval '1 hour', now() - interval '1 hour'), ('due', '', now(), now())";
    world.database.execute(write).await;
    assert!((3_600.0..7_200.0).contains(&age().await));
}
