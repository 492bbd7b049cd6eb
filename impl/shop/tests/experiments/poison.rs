//! Messages that cannot be processed: they become dead letters with a reason, and other messages are processed.

use deadpool_redis::redis::cmd;
use http::{Method, StatusCode};

use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};

#[tokio::test(flavor = "multi_thread")]
async fn poison_becomes_a_dead_letter_and_its_neighbours_go_on() {
    let mut system = System::start(&Plan::new("poison")).await;
    let admin = Shopper::admin(&system).await;
    let (kept, gone) = (admin.product("kept", 100).await, admin.product("gone", 100).await);
    let user = Shopper::user(&system).await;
    system.workers[0].kill();
    let mut orders = Vec::new();
    for lines in [&[(kept, 1)][..], &[(kept, 2)], &[(kept, 3), (gone, 1)], &[(kept, 4)], &[(gone, 5)], &[(kept, 6)]] {
        let Outcome::Acked(id) = user.order(None, lines).await else { panic!("not accepted") };
        orders.push(id);
    }
    // While the orders wait: a message is corrupted, a product deleted, and another client writes into the stream.
    let spoil = "UPDATE outbox SET payload = '{\"order_id\":' WHERE order_id = $1";
    sqlx::query(spoil).bind(orders[1]).execute(&system.db).await.expect("it is spoilt");
    let delete = admin.request(Method::DELETE, &format!("/products/{gone}")).send().await.expect("an answer");
    assert_eq!(delete.status(), StatusCode::NO_CONTENT);
    let mut redis = system.redis().await;
    for fields in [&["message", "not a number"][..], &["nonsense", "\0\u{fffd}", "more", ""]] {
        let mut add = cmd("XADD");
        add.arg("shop:orders").arg("*").arg(fields).query_async::<()>(&mut redis).await.expect("it is added");
    }
    // The first batch panics in the middle, as well.
    system.workers[0].set("FAILPOINT", "batch-locked:panic");
    system.workers[0].start();
    system.workers[0].ready().await;
    let Outcome::Acked(neighbour) = user.order(None, &[(kept, 7)]).await else { panic!("not accepted") };
    orders.push(neighbour);
    system.comes_to_rest(5).await;
    let waited = "SELECT extract(epoch FROM max(at) - min(at))::float8 FROM order_events WHERE order_id = $1";
    let waited: f64 = sqlx::query_scalar(waited).bind(neighbour).fetch_one(&system.db).await.expect("a time");
    assert!(waited < 2.0, "a neighbour of poison has waited {waited} s");

    let reserved = ("RESERVED", serde_json::Value::Null);
    let failed = |reason: &str| ("FAILED", serde_json::json!(reason));
    let expected = [
        reserved.clone(),
        failed("processing_failed"),
        failed("product_unavailable"),
        reserved.clone(),
        failed("product_unavailable"),
        reserved.clone(),
        reserved,
    ];
    for (id, (status, reason)) in orders.iter().zip(expected) {
        let order = user.see(*id).await;
        assert_eq!((&order["status"], &order["reason"]), (&status.into(), &reason), "{order}");
    }
    let letters = "SELECT order_id, reason, payload FROM dead_letters ORDER BY order_id, payload";
    let letters: Vec<(Option<i64>, String, String)> =
        sqlx::query_as(letters).fetch_all(&system.db).await.expect("the dead letters");
    let of: Vec<_> = letters.iter().map(|(order, ..)| *order).collect();
    assert_eq!(of, [Some(orders[1]), Some(orders[2]), Some(orders[4]), None, None], "{letters:?}");
    let contains = |n: usize, reason: &str, payload: &str| {
        assert!(letters[n].1.contains(reason) && letters[n].2.contains(payload), "{:?}", letters[n]);
    };
    contains(0, "cannot be parsed", "{\"order_id\":");
    contains(1, &gone.to_string(), &orders[2].to_string());
    contains(2, &gone.to_string(), &orders[4].to_string());
    contains(3, "cannot be parsed", "not a number");
    contains(4, "cannot be parsed", "nonsense");

    tried_again(&system, &admin, orders[1], orders[2]).await;
}

/// A message that was repaired is processed; one that was not becomes another dead letter.
async fn tried_again(system: &System, admin: &Shopper, mended: i64, hopeless: i64) {
    let mend = "UPDATE dead_letters SET payload = '{\"order_id\":' || order_id || '}' WHERE order_id = $1";
    sqlx::query(mend).bind(mended).execute(&system.db).await.expect("it is mended");
    for order in [mended, hopeless] {
        let letter = "SELECT id FROM dead_letters WHERE order_id = $1";
        let letter: i64 = sqlx::query_scalar(letter).bind(order).fetch_one(&system.db).await.expect("a dead letter");
        let requeued = admin.post(&format!("/admin/dead-letters/{letter}/requeue"), None, None).await;
        assert_eq!(requeued, Outcome::Acked(letter));
    }
    system.comes_to_rest(6).await;
    assert_eq!(admin.see(mended).await["status"], "RESERVED");
    assert_eq!(admin.see(hopeless).await["status"], "FAILED");
}
