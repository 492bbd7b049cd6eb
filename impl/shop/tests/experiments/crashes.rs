//! The API is killed under load. Clients without a response retry with the same key, and get one order.

use std::collections::HashMap;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::sleep;

use crate::crowd::{History, crowd};
use crate::shopper::Shopper;
use crate::system::{Plan, System};
use testkit::scale::{dice, size};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_retries_with_a_key_has_one_order_although_the_api_is_killed() {
    let (orders, kills) = size((600, 3), (20_000, 30));
    let mut dice = dice();
    let mut system = System::start(&Plan::new("crashes")).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    let key = |n: usize| format!("crash-{n}");
    let buyer = user.clone();
    let shopping = tokio::spawn(crowd(32, orders, move |n| {
        let buyer = buyer.clone();
        async move {
            // Spread out, so that every crash meets some of them.
            sleep(Duration::from_millis(60)).await;
            (n, buyer.order_surely(&key(n), &[(product, 1)]).await)
        }
    }));
    let mut killed = 0;
    while killed < kills || !shopping.is_finished() {
        sleep(Duration::from_millis(dice.random_range(500..2_000))).await;
        system.shops[0].kill();
        system.shops[0].start();
        killed += 1;
    }
    let answers: HashMap<usize, i64> = shopping.await.expect("the shopping ends well").into_iter().collect();
    system.ready().await;
    let mut history = History::default();
    history.acked.extend(answers.values());
    assert_eq!(history.acked.len(), orders, "each key has an order of its own");
    for n in (0..orders).step_by(orders / 100) {
        assert_eq!(user.order_surely(&key(n), &[(product, 1)]).await, answers[&n], "the same key, another order");
    }
    system.comes_to_rest(0).await;
    history.holds(&system).await;
    assert_eq!(usize::try_from(system.orders("RESERVED").await), Ok(orders), "no order without a key");
}
