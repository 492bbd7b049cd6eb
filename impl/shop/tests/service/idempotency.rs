//! `Idempotency-Key` on the wire: a retry gets the same response, byte for byte.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{LOGIN, World, id};

const ORDERS: &str = "/api/v2/orders";

async fn order(client: &Client, key: &str, body: &str) -> Answer {
    let request = client.request(Method::POST, ORDERS).header("idempotency-key", key);
    client.send(request.header("content-type", "application/json").body(body.to_owned())).await
}

async fn act(client: &Client, key: &str, order: i64, what: &str) -> Answer {
    let path = format!("{ORDERS}/{order}/{what}");
    client.send(client.request(Method::POST, &path).header("idempotency-key", key)).await
}

#[track_caller]
fn is_replay_of(again: &Answer, first: &Answer) {
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["content-type", "location", "content-length"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    // Header fields of the exchange differ.
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
}

fn one_of(product: &Value) -> String {
    json!({"items": [{"product_id": id(product), "quantity": 1}]}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_made_once_for_each_key() {
    let world = World::new().await;
    let product = world.product("SPOON", 250, 10).await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let first = order(&ada.client, "k", &one_of(&product)).await;
    assert_eq!(first.status, 201, "{}", first.text);
    is_replay_of(&order(&ada.client, "k", &one_of(&product)).await, &first);
    let respelt = format!("{{ \"items\" : [ {{\"quantity\":1.0,\n\"product_id\":{} }} ] }}", id(&product));
    is_replay_of(&order(&ada.client, "k", &respelt).await, &first);
    let more = json!({"items": [{"product_id": id(&product), "quantity": 2}]}).to_string();
    order(&ada.client, "k", &more).await.expect_problem(422, "idempotency_key_reused");
    act(&ada.client, "k", id(&first.json), "cancel").await.expect_problem(422, "idempotency_key_reused");
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 1);
    assert_eq!(world.number("SELECT count(*) FROM outbox").await, 1, "a replay asks for no more work");
    // Keys belong to users.
    let other = order(&eve.client, "k", &one_of(&product)).await;
    assert_eq!((other.status.as_u16(), other.header("idempotent-replayed")), (201, ""));
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_make_one_order() {
    let world = World::new().await;
    let product = world.product("SPOON", 250, 10).await;
    world.warm_up(id(&product)).await;
    let body = one_of(&product);
    let answers = join_all((0..100).map(|_| order(&world.admin, "k", &body))).await;
    let (made, sent_off): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 1);
    assert_eq!(made.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count(), 1);
    assert!(made.iter().all(|answer| answer.text == made[0].text));
    for answer in sent_off {
        assert_eq!(answer.header("retry-after"), "1");
        answer.expect_problem(409, "idempotency_in_flight");
    }
    let again = order(&world.admin, "k", &body).await;
    assert_eq!((again.header("idempotent-replayed"), &again.text), ("true", &made[0].text));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_paid_and_called_off_once_for_each_key() {
    let world = World::new().await;
    let product = world.product("SPOON", 250, 10).await;
    let user = world.nobody.login(LOGIN, "user@example.com", "user").await;
    for (what, status) in [("pay", "PAID"), ("cancel", "CANCELLED")] {
        let number = world.stored_order("RESERVED", None, &product, 2).await;
        let first = act(&user, what, number, what).await;
        assert_eq!((first.status.as_u16(), first.json["status"].as_str()), (200, Some(status)), "{}", first.text);
        is_replay_of(&act(&user, what, number, what).await, &first);
        user.post_empty(&format!("{ORDERS}/{number}/{what}")).await.expect_problem(400, "order_state_conflict");
        // For another order it is another request.
        act(&user, what, number + 1, what).await.expect_problem(422, "idempotency_key_reused");
    }
    assert_eq!(world.stock(id(&product)).await, 8, "what was called off came back once");
}

/// Transient errors must not be stored: a payment that came before its reservation succeeds a moment later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_not_kept() {
    let world = World::new().await;
    let product = world.product("SPOON", 250, 10).await;
    let missing = json!({"items": [{"product_id": 999_999, "quantity": 1}]}).to_string();
    for _ in 0..2 {
        let refused = order(&world.admin, "k", &missing).await.expect_problem(404, "product_not_found");
        assert_eq!(refused.header("idempotent-replayed"), "");
    }
    let made = order(&world.admin, "k", &one_of(&product)).await.expect(201);
    for key in ["pay", "other"] {
        act(&world.admin, key, id(&made), "pay").await.expect_problem(400, "order_state_conflict");
    }
    world.drain().await;
    let paid = act(&world.admin, "pay", id(&made), "pay").await;
    assert_eq!((paid.status.as_u16(), &paid.json["status"]), (200, &json!("PAID")));
    is_replay_of(&act(&world.admin, "pay", id(&made), "pay").await, &paid);
    act(&world.admin, "other", id(&made), "pay").await.expect_problem(400, "order_state_conflict");
    // An invalid request is not stored: the key can still be used.
    order(&world.admin, "broken", r#"{"items":[]}"#).await.expect_invalid("#/items");
    order(&world.admin, "broken", &one_of(&product)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_refused_orders_leave_nothing_behind() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let missing = json!({"items": [{"product_id": 999_999, "quantity": 1}]}).to_string();
    for some in 0..50 {
        let keys: Vec<String> = (0..20).map(|n| format!("{some}-{n}")).collect();
        for answer in join_all(keys.iter().map(|key| order(&ada.client, key, &missing))).await {
            assert!(answer.status == 404 || answer.status == 503, "{}", answer.text);
        }
    }
    assert_eq!(world.number("SELECT count(*) FROM idempotency_keys").await, 0);
}
