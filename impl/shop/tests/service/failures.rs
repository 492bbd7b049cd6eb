//! Handlers that fail, messages nobody can read, processes that die between two steps.

use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use shop::pipeline::failpoints::{self, Action, EXPIRY_COMMITTED, EXPIRY_WRITTEN, Failpoint};

use crate::world::{ORDERS, Person, World, id};

/// Steps, without caring what becomes of them, until the order is decided.
async fn until_decided(world: &World, ada: &Person, order: i64) -> String {
    for _ in 0..400 {
        let step = async { world.worker().step(Duration::ZERO).await };
        let _ = std::panic::AssertUnwindSafe(step).catch_unwind().await;
        let _ = world.pipeline.outbox().republish_lost(Duration::ZERO).await;
        let status = ada.status(order).await;
        if status != "PENDING" {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("order {order} is never decided");
}

/// At every boundary, by error and by panic: whoever comes after finishes what was begun, once.
#[tokio::test(flavor = "multi_thread")]
async fn defect_4_and_6_every_boundary_can_be_died_at() {
    for point in failpoints::all() {
        let name = point.0;
        for action in [Action::Fail, Action::Panic] {
            let world = World::with_stream().await;
            let ada = world.person("ada").await;
            let (spoon, fork) = (world.product("SPOON", 250, 3).await, world.product("FORK", 1, 3).await);
            let before = ada.order(&spoon, 1).await;
            world.drain().await;
            world.pipeline.outbox().failpoints().arm(point, action);
            let items = json!({"items": [{"product_id": fork["id"], "quantity": 1}, {"product_id": spoon["id"], "quantity": 1}]});
            let order = id(&ada.client.post(ORDERS, &items).await.expect(201));
            let too_much = ada.order(&spoon, 9).await;
            reach(&world, point, before).await;
            assert_eq!(until_decided(&world, &ada, too_much).await, "FAILED", "{name}");
            let expected = if point == Failpoint::MESSAGE_DEAD_LETTERED { "FAILED" } else { "RESERVED" };
            assert_eq!(until_decided(&world, &ada, order).await, expected, "{name} {action:?}");
            world.pipeline.outbox().failpoints().poison(0);
            world.drain().await;
            assert!(!world.pipeline.outbox().failpoints().is_armed(point), "nobody came to {name}");
            world.verify().await;
            let gone = i64::from(expected == "RESERVED") + i64::from(ada.status(before).await == "RESERVED");
            assert_eq!(world.stock(id(&spoon)).await, 3 - gone, "{name} {action:?}");
        }
    }
}

/// Brings about what the boundary is passed in, where orders alone do not.
async fn reach(world: &World, point: Failpoint, reserved: i64) {
    let step = async || {
        let step = async { world.worker().step(Duration::ZERO).await };
        let _ = std::panic::AssertUnwindSafe(step).catch_unwind().await;
    };
    match point {
        Failpoint::RELAY_REJECTED => world.break_stream_once().await,
        Failpoint::WORKER_CLAIMED => {
            world.pipeline.outbox().publish().await.unwrap();
            world
                .stream_command(&["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "10", "STREAMS", "{stream}", ">"])
                .await;
        }
        Failpoint::FAILURE_COUNTED | Failpoint::MESSAGE_DEAD_LETTERED => {
            let order = world.number("SELECT min(order_id) FROM outbox").await;
            world.pipeline.outbox().failpoints().poison(order);
            for _ in 0..200 {
                step().await;
                world.database.execute("UPDATE outbox SET available_at = now()").await;
                if !world.pipeline.outbox().failpoints().is_armed(point) {
                    break;
                }
            }
            if point == Failpoint::FAILURE_COUNTED {
                world.pipeline.outbox().failpoints().poison(0);
            }
        }
        Failpoint::ENTRY_DEAD_LETTERED => {
            world.stream_command(&["XADD", "{stream}", "*", "garbage", "\u{1}"]).await;
        }
        EXPIRY_WRITTEN | EXPIRY_COMMITTED => {
            let lapse = format!("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = {reserved}");
            world.database.execute(&lapse).await;
        }
        Failpoint::LOST_REPUBLISHED => {
            world.pipeline.outbox().publish().await.unwrap();
            world.stream_command(&["DEL", "{stream}"]).await;
            let heal = async { world.pipeline.outbox().republish_lost(Duration::ZERO).await };
            let _ = std::panic::AssertUnwindSafe(heal).catch_unwind().await;
        }
        Failpoint::GROUP_CREATED => {
            world.stream_command(&["DEL", "{stream}"]).await;
        }
        _ => {}
    }
    step().await;
}

/// What panics outside of a handler takes its task with it, and nothing may stop working for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_panics_begins_anew() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    for point in [Failpoint::RELAY_CLAIMED, Failpoint::WORKER_RECEIVED] {
        world.pipeline.outbox().failpoints().arm(point, Action::Panic);
        let first = ada.order(&spoon, 1).await;
        world.work_until(async || ada.status(first).await == "RESERVED").await;
        assert!(!world.pipeline.outbox().failpoints().is_armed(point), "nobody came to {point:?}");
    }
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_6_a_poisoned_order_becomes_a_dead_letter_and_its_neighbours_go_on() {
    for world in [World::with_stream().await, World::new().await] {
        let ada = world.person("ada").await;
        let spoon = world.product("SPOON", 250, 10).await;
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(ada.order(&spoon, 1).await);
        }
        world.pipeline.outbox().failpoints().poison(orders[2]);
        // The neighbours are done while the poisoned one has attempts left.
        let neighbours = format!("SELECT count(*) FROM orders WHERE status = 'RESERVED' AND id <> {}", orders[2]);
        world.work_until(async || world.number(&neighbours).await == 4).await;
        assert_eq!(ada.status(orders[2]).await, "PENDING");
        world.work_until(async || ada.status(orders[2]).await == "FAILED").await;
        let letters = world.admin.get("/api/v2/admin/dead-letters").await.expect(200);
        assert_eq!(letters.as_array().map(Vec::len), Some(1), "{letters}");
        let letter = &letters[0];
        assert_eq!(
            (&letter["order_id"], &letter["attempts"], &letter["state"]),
            (&json!(orders[2]), &json!(6), &json!("waiting"))
        );
        assert!(letter["reason"].as_str().unwrap().contains("poisoned"), "{letter}");
        assert_eq!(letter["payload"], format!("{{\"order_id\":{}}}", orders[2]));
        world.verify().await;

        // Healed and tried again, it is an order like others.
        world.pipeline.outbox().failpoints().poison(0);
        world.admin.post_empty(&format!("/api/v2/admin/dead-letters/{}/requeue", letter["id"])).await.expect(200);
        assert_eq!(ada.status(orders[2]).await, "PENDING");
        world.drain().await;
        assert_eq!(ada.status(orders[2]).await, "RESERVED");
        let timeline = ada.client.get(&format!("{ORDERS}/{}/timeline", orders[2])).await.expect(200);
        let kinds: Vec<_> = timeline.as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
        assert_eq!(kinds, ["created", "failed", "requeued", "reserved"]);
        world.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_becomes_a_dead_letter() {
    let world = World::with_stream().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let (order, other) = (ada.order(&spoon, 1).await, ada.order(&spoon, 1).await);
    world.database.execute(&format!("UPDATE outbox SET payload = '{{\"order_id\":' WHERE order_id = {order}")).await;
    let strange =
        "INSERT INTO outbox (topic, payload) VALUES ('order.created', 'null'), ('moon.landed', '{\"order_id\":1}')";
    world.database.execute(strange).await;
    world.stream_command(&["XADD", "{stream}", "*", "who", "knows"]).await;
    world.stream_command(&["XADD", "{stream}", "*", "message", "not a number"]).await;
    world.stream_command(&["XADD", "{stream}", "*", "x", &"y".repeat(1_000_000)]).await;
    // A message that is long done, or never was.
    world.stream_command(&["XADD", "{stream}", "*", "message", "999999"]).await;
    world.drain().await;
    assert_eq!((ada.status(order).await, ada.status(other).await), ("FAILED".into(), "RESERVED".into()));
    let letters = world.admin.get("/api/v2/admin/dead-letters").await.expect(200);
    let mut found: Vec<(Value, Value)> = letters
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| (letter["payload"].clone(), letter["order_id"].clone()))
        .collect();
    found.sort_by_key(|(payload, _)| payload.to_string());
    let expected = [
        (json!("message not a number"), Value::Null),
        (json!("null"), Value::Null),
        (json!("who knows"), Value::Null),
        (json!("{\"order_id\":"), json!(order)),
        (json!("{\"order_id\":1}"), Value::Null),
    ];
    let long = found.iter().position(|(payload, _)| payload.as_str().is_some_and(|text| text.starts_with("x y")));
    let (long, _) = found.remove(long.expect("it is kept"));
    assert_eq!(long.as_str().map(str::len), Some(10_000));
    assert_eq!(found, expected);
    assert_eq!(world.admin.get("/api/v2/admin/queue").await.expect(200)["in_progress"], 0);
    world.verify().await;
}
