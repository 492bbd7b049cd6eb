//! Repetitions: one product on two lines, one request a hundred times.

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::join_all;
use http::{Method, StatusCode};

use crate::shopper::{Outcome, Shopper, basket};
use crate::system::{Plan, System};
use testkit::system::DRAINED;

#[tokio::test(flavor = "multi_thread")]
async fn a_product_on_two_lines_counts_as_the_sum_and_a_key_as_one_order() {
    let system = System::start(&Plan { shops: 2, ..Plan::new("repetition") }).await;
    let admin = Shopper::admin(&system).await;
    let (scarce, plenty) = (admin.product("scarce", 3).await, admin.product("plenty", 1_000).await);
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;

    let mut expected = Vec::new();
    // Each line alone could be reserved.
    for (lines, status) in [([(scarce, 2), (scarce, 2)], "FAILED"), ([(scarce, 1), (scarce, 2)], "RESERVED")] {
        let Outcome::Acked(id) = user.order(None, &lines).await else { panic!("not accepted") };
        system.comes_to_rest(0).await;
        expected.push((id, status));
    }
    for (id, status) in expected {
        let order = user.see(id).await;
        assert_eq!(order["status"], status, "{order}");
    }

    one_key_is_one_order(&system, &user, plenty).await;
    system.comes_to_rest(0).await;
    assert_eq!(system.orders("RESERVED").await, 2);
    assert_eq!(system.orders("FAILED").await, 1);
}

/// A hundred concurrent requests to two processes; those that come while the first is in progress retry.
async fn one_key_is_one_order(system: &System, user: &Shopper, product: i64) {
    let deadline = Instant::now() + DRAINED;
    let ask = async || {
        loop {
            assert!(Instant::now() < deadline, "no answer");
            let request = user.request(Method::POST, "/orders").header("Idempotency-Key", "just-once");
            let answer = request.json(&basket(&[(product, 1)])).send().await.expect("an answer");
            let (status, replayed) = (answer.status(), answer.headers().contains_key("idempotent-replayed"));
            let text = answer.text().await.expect("the whole answer");
            match status {
                StatusCode::CREATED => return (text, replayed),
                StatusCode::CONFLICT => assert!(text.contains("idempotency_in_flight"), "{text}"),
                StatusCode::SERVICE_UNAVAILABLE => {}
                _ => panic!("{status}: {text}"),
            }
        }
    };
    let mut answers: HashMap<String, Vec<bool>> = HashMap::new();
    for (text, replayed) in join_all((0..100).map(|_| ask())).await {
        answers.entry(text).or_default().push(replayed);
    }
    assert_eq!(answers.len(), 1, "different answers to one request: {answers:?}");
    let fresh = answers.values().flatten().filter(|replayed| !**replayed).count();
    assert_eq!(fresh, 1, "one of them was the first");
    let orders = "SELECT count(DISTINCT order_id) FROM order_items i JOIN products p ON p.id = i.product_id WHERE p.sku = 'plenty'";
    assert_eq!(system.number(orders).await, 1);
}
