//! Dead letters: looked at, tried again, discarded; each decided about once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::pages::walk;

use crate::world::{World, id, ids};

const DEAD_LETTERS: &str = "/api/v2/admin/dead-letters";

/// A message nobody could act on, as a worker would leave it.
async fn dead_letter(world: &World, topic: &str, order: Option<i64>) -> i64 {
    const SQL: &str = "INSERT INTO dead_letters (order_id, topic, payload, reason, attempts)
                       VALUES ($1, $2, $3, 'the message cannot be parsed', 5) RETURNING id";
    let letter = sqlx::query_scalar(SQL).bind(order).bind(topic).bind(payload(order));
    letter.fetch_one(&mut world.database.connect().await).await.expect("a dead letter")
}

fn payload(order: Option<i64>) -> String {
    order.map_or_else(|| "{\"order_id\":".to_owned(), |order| format!("{{\"order_id\":{order}}}"))
}

/// What waits in the outbox: topic, order, payload, attempts.
async fn outbox(world: &World) -> Value {
    const SQL: &str =
        "SELECT coalesce(json_agg(json_build_array(topic, order_id, payload, attempts) ORDER BY id), '[]')::text
                       FROM outbox WHERE published_at IS NULL AND available_at <= now()";
    let text: String =
        sqlx::query_scalar(SQL).fetch_one(&mut world.database.connect().await).await.expect("the outbox");
    serde_json::from_str(&text).expect("JSON")
}

/// Status and reason of an order, and what the newest event of its timeline says.
async fn order_state(world: &World, order: i64) -> Value {
    const SQL: &str =
        "SELECT json_build_array(o.status, o.reason, e.kind, e.status)::text FROM orders o LEFT JOIN LATERAL
                       (SELECT * FROM order_events WHERE order_id = o.id ORDER BY id DESC LIMIT 1) e ON TRUE
                       WHERE o.id = $1";
    let state = sqlx::query_scalar::<_, String>(SQL).bind(order);
    let text = state.fetch_one(&mut world.database.connect().await).await.expect("an order");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_newest_first_and_filtered() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 1).await;
    let order = world.stored_order("FAILED", Some("processing_failed"), &product, 1).await;
    let mut made = Vec::new();
    for of in [Some(order), None, Some(order), None, None] {
        made.push(dead_letter(&world, "order.created", of).await);
    }
    world.admin.delete(&format!("{DEAD_LETTERS}/{}", made[1])).await.expect(200);
    world.admin.post_empty(&format!("{DEAD_LETTERS}/{}/requeue", made[2])).await.expect(200);
    let cases: [(&str, &[usize]); 7] = [
        ("", &[4, 3, 2, 1, 0]),
        ("&state=waiting", &[4, 3, 0]),
        ("&state=discarded", &[1]),
        ("&state=requeued", &[2]),
        (&format!("&order_id={order}"), &[2, 0]),
        (&format!("&order_id={order}&state=waiting"), &[0]),
        ("&order_id=4711", &[]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<i64> = expected.iter().map(|n| made[*n]).collect();
        for limit in [1, 2, 5, 6] {
            let walked = walk(&world.admin, &format!("{DEAD_LETTERS}?{filter}"), limit).await;
            assert_eq!(ids(&json!(walked)), expected, "{filter}");
        }
        let counted = world.admin.get(&format!("{DEAD_LETTERS}?count=true&skip=1{filter}")).await;
        assert_eq!(counted.header("x-total-count"), expected.len().to_string());
        assert_eq!(ids(&counted.json), expected.get(1..).unwrap_or_default());
    }
    world.admin.get(&format!("{DEAD_LETTERS}?state=lost")).await.expect_invalid("#/state");
    let first = world.admin.get(&format!("{DEAD_LETTERS}?limit=1")).await;
    let other = format!("{DEAD_LETTERS}?state=waiting&cursor={}", first.header("x-next-cursor"));
    world.admin.get(&other).await.expect_problem(404, "cursor_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_shown_with_reason_and_payload() {
    let world = World::new().await;
    let letter = dead_letter(&world, "poison", None).await;
    let shown = world.admin.get(&format!("{DEAD_LETTERS}/{letter}")).await.expect(200);
    let expected = json!({"id": letter, "state": "waiting", "order_id": null, "topic": "poison",
        "payload": "{\"order_id\":", "reason": "the message cannot be parsed", "attempts": 5,
        "created_at": shown["created_at"], "settled_at": null});
    assert_eq!(shown, expected);
    let none = format!("{DEAD_LETTERS}/{}", letter + 1);
    world.admin.get(&none).await.expect_problem(404, "dead_letter_not_found");
    world.admin.delete(&none).await.expect_problem(404, "dead_letter_not_found");
    world.admin.post_empty(&format!("{none}/requeue")).await.expect_problem(404, "dead_letter_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_one_is_kept_and_does_nothing() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 1).await;
    let order = world.stored_order("FAILED", Some("processing_failed"), &product, 1).await;
    let path = format!("{DEAD_LETTERS}/{}", dead_letter(&world, "order.created", Some(order)).await);
    let discarded = world.admin.delete(&path).await.expect(200);
    assert_eq!(discarded["state"], "discarded");
    assert!(discarded["settled_at"].is_string());
    world.admin.delete(&path).await.expect_problem(409, "dead_letter_settled");
    world.admin.post_empty(&format!("{path}/requeue")).await.expect_problem(409, "dead_letter_settled");
    assert_eq!(world.admin.get(&path).await.expect(200), discarded);
    assert_eq!(outbox(&world).await, json!([]));
    assert_eq!(order_state(&world, order).await, json!(["FAILED", "processing_failed", null, null]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_failed_for_a_passing_reason_waits_again() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 5).await;
    for reason in ["processing_failed", "product_unavailable"] {
        let order = world.stored_order("FAILED", Some(reason), &product, 1).await;
        let path = format!("{DEAD_LETTERS}/{}", dead_letter(&world, "order.created", Some(order)).await);
        let requeued = world.admin.post_empty(&format!("{path}/requeue")).await.expect(200);
        assert_eq!(requeued["state"], "requeued");
        assert!(requeued["settled_at"].is_string());
        assert_eq!(order_state(&world, order).await, json!(["PENDING", null, "requeued", "PENDING"]));
        assert_eq!(outbox(&world).await, json!([["order.created", order, payload(Some(order)), 0]]));
        world.admin.post_empty(&format!("{path}/requeue")).await.expect_problem(409, "dead_letter_settled");
        world.admin.delete(&path).await.expect_problem(409, "dead_letter_settled");
        world.database.execute("DELETE FROM outbox").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_decided_stays_as_it_is() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 5).await;
    let cases = [
        ("order.created", "FAILED", Some("insufficient_stock")),
        ("order.created", "RESERVED", None),
        ("order.created", "PAID", None),
        ("order.created", "CANCELLED", Some("cancelled_by_user")),
        ("order.created", "PENDING", None),
        ("something.else", "FAILED", Some("processing_failed")),
    ];
    for (topic, status, reason) in cases {
        let order = world.stored_order(status, reason, &product, 1).await;
        let letter = dead_letter(&world, topic, Some(order)).await;
        world.admin.post_empty(&format!("{DEAD_LETTERS}/{letter}/requeue")).await.expect(200);
        assert_eq!(order_state(&world, order).await, json!([status, reason, null, null]), "{topic} {status}");
        assert_eq!(outbox(&world).await, json!([[topic, order, payload(Some(order)), 0]]));
        world.database.execute("DELETE FROM outbox").await;
    }
    // Nobody's message, or that of an order that is gone with its user, goes back as it came.
    for order in [None, Some(4711)] {
        let letter = dead_letter(&world, "order.created", order).await;
        world.admin.post_empty(&format!("{DEAD_LETTERS}/{letter}/requeue")).await.expect(200);
        assert_eq!(outbox(&world).await, json!([["order.created", order, payload(order), 0]]));
        world.database.execute("DELETE FROM outbox").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_decisions_about_one_the_first_counts() {
    let world = World::new().await;
    let product = world.product("ANY", 1, 5).await;
    world.warm_up(id(&product)).await;
    for _ in 0..3 {
        let order = world.stored_order("FAILED", Some("processing_failed"), &product, 1).await;
        let path = format!("{DEAD_LETTERS}/{}", dead_letter(&world, "order.created", Some(order)).await);
        let requeue = format!("{path}/requeue");
        let answers = join_all((0..20).map(|n| {
            let (admin, path, requeue) = (&world.admin, &path, &requeue);
            async move { if n % 2 == 0 { admin.post_empty(requeue).await } else { admin.delete(path).await } }
        }))
        .await;
        let won: Vec<usize> = (0..20).filter(|n| answers[*n].status.as_u16() == 200).collect();
        assert_eq!(won.len(), 1, "winners: {won:?}");
        for (n, answer) in answers.into_iter().enumerate() {
            if n != won[0] {
                answer.expect_problem(409, "dead_letter_settled");
            }
        }
        let requeued = usize::from(won[0].is_multiple_of(2));
        assert_eq!(outbox(&world).await.as_array().map(Vec::len), Some(requeued));
        let events = format!("SELECT count(*) FROM order_events WHERE order_id = {order}");
        assert_eq!(usize::try_from(world.number(&events).await).ok(), Some(requeued));
        world.database.execute("DELETE FROM outbox").await;
    }
}
