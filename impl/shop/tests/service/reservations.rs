//! What workers make of orders: first come first served, each order whole or not at all, each message once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{ORDERS, PRODUCTS, World, id};

#[tokio::test(flavor = "multi_thread")]
async fn first_come_first_served() {
    for world in [World::new().await, World::with_stream().await] {
        let ada = world.person("ada").await;
        let spoon = world.product("SPOON", 250, 5).await;
        let mut orders = Vec::new();
        for quantity in [3, 3, 2, 1] {
            orders.push(ada.order(&spoon, quantity).await);
        }
        world.drain().await;
        let mut states = Vec::new();
        for order in orders {
            states.push(ada.status(order).await);
        }
        assert_eq!(states, ["RESERVED", "FAILED", "RESERVED", "FAILED"]);
        assert_eq!(world.stock(id(&spoon)).await, 0);
        world.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_5_one_product_on_two_lines_counts_as_the_sum() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 5).await;
    let line = |quantity| json!({"product_id": spoon["id"], "quantity": quantity});
    let six = ada.client.post(ORDERS, &json!({"items": [line(3), line(3)]})).await.expect(201);
    let five = ada.client.post(ORDERS, &json!({"items": [line(3), line(2)]})).await.expect(201);
    world.drain().await;
    assert_eq!((ada.status(id(&six)).await, ada.status(id(&five)).await), ("FAILED".into(), "RESERVED".into()));
    assert_eq!(world.stock(id(&spoon)).await, 0);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_reserved_whole_or_not_at_all() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, fork) = (world.product("SPOON", 250, 5).await, world.product("FORK", 250, 1).await);
    let items =
        json!({"items": [{"product_id": spoon["id"], "quantity": 1}, {"product_id": fork["id"], "quantity": 2}]});
    let order = id(&ada.client.post(ORDERS, &items).await.expect(201));
    world.drain().await;
    assert_eq!(ada.status(order).await, "FAILED");
    assert_eq!((world.stock(id(&spoon)).await, world.stock(id(&fork)).await), (5, 1));
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_7_many_workers_sell_no_more_than_there_is() {
    let world = World::with_stream().await;
    // One person alone may not have so many orders.
    let people = join_all(["ada", "bob", "cyd"].map(|name| world.person(name))).await;
    let mut products: Vec<Value> = Vec::new();
    for n in 0..5 {
        products.push(world.product(&format!("P{n}"), 10, 20).await);
    }
    // Two products each, in either order.
    let orders = join_all((0..120_usize).map(|n| {
        let line = |n: usize| json!({"product_id": products[n % 5]["id"], "quantity": 1});
        let items = if n % 2 == 0 { [line(n), line(n + 1)] } else { [line(n + 1), line(n)] };
        let client = &people[n % 3].client;
        async move { client.post(ORDERS, &json!({ "items": items })).await.expect(201) }
    }))
    .await;
    assert_eq!(orders.len(), 120);
    join_all((0..4).map(|_| world.drain())).await;
    assert_eq!(world.number("SELECT count(*) FROM orders WHERE status = 'PENDING'").await, 0);
    let reserved = world.number("SELECT count(*) FROM orders WHERE status = 'RESERVED'").await;
    let left = join_all(products.iter().map(|product| world.stock(id(product)))).await;
    assert_eq!(2 * reserved + left.iter().sum::<i64>(), 100);
    // Of each pair more were wanted than there were: one of the two is sold out.
    assert!((0..5).all(|n| left[n] == 0 || left[(n + 1) % 5] == 0), "{left:?}");
    assert_eq!(world.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await, 0);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_again_and_again_is_done_once() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 100).await;
    let orders = join_all((0..20).map(|_| ada.order(&spoon, 1))).await;
    // Published five times before anybody reads.
    for _ in 0..5 {
        world.pipeline.outbox().publish().await.unwrap();
        world.database.execute("UPDATE outbox SET published_at = NULL").await;
    }
    join_all((0..3).map(|_| world.drain())).await;
    assert_eq!(world.stock(id(&spoon)).await, 80);
    for order in orders {
        let timeline = ada.client.get(&format!("{ORDERS}/{order}/timeline")).await.expect(200);
        assert_eq!(timeline.as_array().map(Vec::len), Some(2), "{timeline}");
    }
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_has_left_is_taken_over() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 100).await;
    let order = ada.order(&spoon, 1).await;
    world.pipeline.outbox().publish().await.unwrap();
    // Somebody reads, and is never heard of again.
    world.stream_command(&["XGROUP", "CREATE", "{stream}", "workers", "0", "MKSTREAM"]).await;
    world.stream_command(&["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "10", "STREAMS", "{stream}", ">"]).await;
    let mut worker = world.worker();
    worker.step(Duration::from_secs(60)).await.unwrap();
    assert_eq!(ada.status(order).await, "PENDING", "the entry is somebody's");
    world.drain().await;
    assert_eq!(ada.status(order).await, "RESERVED");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_is_filled_again() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 100).await;
    // With and without a group, before and after entries were delivered.
    for round in 0..3 {
        let order = ada.order(&spoon, 1).await;
        world.pipeline.outbox().publish().await.unwrap();
        if round == 1 {
            world
                .stream_command(&["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "10", "STREAMS", "{stream}", ">"])
                .await;
        }
        world.stream_command(&["DEL", "{stream}"]).await;
        world.worker().step(Duration::ZERO).await.unwrap();
        assert_eq!(ada.status(order).await, "PENDING", "nothing tells of it");
        assert_eq!(world.pipeline.outbox().republish_lost(Duration::ZERO).await.unwrap(), 1);
        world.drain().await;
        assert_eq!(ada.status(order).await, "RESERVED");
    }
    assert_eq!(world.pipeline.outbox().republish_lost(Duration::ZERO).await.unwrap(), 0, "nothing is lost");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_are_doing_is_not_lost() {
    // Of orders that are gone by now: there is little to do, and it is done at once.
    const MESSAGES: &str = "INSERT INTO outbox (topic, order_id, payload) \
         SELECT 'order.created', n, '{\"order_id\":' || n || '}' FROM generate_series(1000000, 1002999) n";
    let world = World::with_stream().await;
    world.database.execute(MESSAGES).await;
    while world.pipeline.outbox().publish().await.unwrap() > 0 {}
    let left = async || world.number("SELECT count(*) FROM outbox").await;
    let work = async || {
        let mut worker = world.worker();
        while left().await > 0 {
            worker.step(Duration::from_secs(60)).await.unwrap();
        }
    };
    let heal = async || {
        while left().await > 0 {
            assert_eq!(world.pipeline.outbox().republish_lost(Duration::ZERO).await.unwrap(), 0);
        }
    };
    tokio::join!(work(), work(), work(), heal(), heal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_taken_off_the_shelf_fails_its_orders_and_no_others() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let (spoon, fork) = (world.product("SPOON", 250, 5).await, world.product("FORK", 250, 5).await);
    let (lost, kept) = (ada.order(&spoon, 1).await, ada.order(&fork, 1).await);
    world.admin.delete(&format!("{PRODUCTS}/{}", spoon["id"])).await.expect(204);
    world.drain().await;
    assert_eq!((ada.status(lost).await, ada.status(kept).await), ("FAILED".into(), "RESERVED".into()));
    let order = ada.client.get(&format!("{ORDERS}/{lost}")).await.expect(200);
    assert_eq!(order["reason"], "product_unavailable");
    let letters = world.admin.get("/api/v2/admin/dead-letters").await.expect(200);
    assert_eq!(letters.as_array().map(Vec::len), Some(1));
    assert_eq!(letters[0]["order_id"], lost);
    assert!(letters[0]["reason"].as_str().unwrap().contains("no longer exists"), "{letters}");
    world.verify().await;
}
