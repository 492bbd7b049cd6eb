//! Orders of two products in random order, cancelled and paid at random, over many connections: there are no deadlocks.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use testkit::{Fault, FaultProxy};

use crate::crowd::crowd;
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::process::Process;
use testkit::scale::{dice, size};

#[tokio::test(flavor = "multi_thread")]
async fn two_item_orders_in_random_order_never_deadlock() {
    let orders = size(1_000, 20_000);
    let mut dice = dice();
    let mut system = System::prepare(&Plan { workers: 4, ..Plan::new("deadlocks") }).await;
    system.migrate().await;
    // The workers' connection to Postgres is slow: between two of their statements there is time for others.
    let far = FaultProxy::start(&system.servers.database_url().expect("Postgres")).await;
    far.set(Fault::Delay(Duration::from_millis(10)));
    system.workers.iter_mut().for_each(|worker| worker.set("DATABASE_URL", far.url()));
    system.shops.iter_mut().chain(&mut system.workers).for_each(Process::start);
    system.ready().await;
    let admin = Shopper::admin(&system).await;
    let mut products = Vec::new();
    for n in 0..8 {
        products.push(admin.product(&format!("one of few {n}"), dice.random_range(50..150)).await);
    }
    let user = Shopper::admin(&system).await;
    let seed: u64 = dice.random();
    let settled = crowd(32, orders, move |n| {
        let (user, admin, products) = (user.clone(), admin.clone(), products.clone());
        let mut dice = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
        async move {
            if dice.random_bool(0.05) {
                let product = products.choose(&mut dice).expect("a product");
                admin.adjust(*product, dice.random_range(-5..20)).await;
            }
            let two: Vec<(i64, i64)> = products.sample(&mut dice, 2).map(|id| (*id, 1)).collect();
            let Outcome::Acked(id) = user.order(None, &two).await else { return 0 };
            // Of another one, which a worker may be processing.
            let other = (id - dice.random_range(0..60)).max(1);
            match dice.random_range(0..4) {
                0 => settle(&user, other, "pay").await,
                1 => settle(&user, other, "cancel").await,
                _ => 0,
            }
        }
    })
    .await;
    system.comes_to_rest(0).await;
    let settled: i64 = settled.iter().sum();
    assert_eq!(system.orders("PAID").await + system.orders("CANCELLED").await, settled);
    assert!(settled > 0 && system.orders("RESERVED").await > 0);
    assert_eq!(system.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await, 0);
    // A deadlock would be retried silently; Postgres logs it.
    assert!(!system.postgres_log().contains("deadlock detected"));
}

/// The number of orders this has paid or cancelled.
async fn settle(user: &Shopper, order: i64, how: &str) -> i64 {
    match user.post(&format!("/orders/{order}/{how}"), None, None).await {
        Outcome::Acked(_) => 1,
        Outcome::Refused(400, code) if code == "order_state_conflict" => 0,
        // It was not accepted.
        Outcome::Refused(404, _) | Outcome::Unavailable(_) => 0,
        other => panic!("{how} of order {order}: {other:?}"),
    }
}
