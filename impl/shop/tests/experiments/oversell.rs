//! More orders than stock: exactly the stock is sold, whatever is killed meanwhile.

use std::time::Duration;

use backends::Server;
use rand::RngExt as _;
use tokio::time::sleep;

use crate::crowd::{History, crowd};
use crate::shopper::Shopper;
use crate::system::{Plan, System};
use testkit::scale::{dice, size};

const CONNECTIONS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_stock_is_sold() {
    let (orders, stock) = size((1_500, 100), (10_000, 500));
    let system = System::start(&Plan::new("oversell")).await;
    let product = Shopper::admin(&system).await.product("wanted", stock).await;
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;
    let outcomes = crowd(CONNECTIONS, orders, move |_| {
        let user = user.clone();
        async move { user.order(None, &[(product, 1)]).await }
    })
    .await;
    let mut history = History::default();
    outcomes.into_iter().for_each(|outcome| history.add(outcome));
    history.served();
    system.comes_to_rest(0).await;
    history.holds(&system).await;
    sold(&system, stock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_stock_is_sold_while_workers_die_and_redis_and_postgres_falter() {
    let (orders, stock) = size((1_500, 100), (10_000, 500));
    let mut dice = dice();
    let plan = Plan { workers: 2, durable: true, ..Plan::new("oversell-with-faults") };
    let mut system = System::start(&plan).await;
    let product = Shopper::admin(&system).await.product("wanted", stock).await;
    let user = Shopper::admin(&system).await;
    let shopping = tokio::spawn(crowd(CONNECTIONS, orders, move |n| {
        let user = user.clone();
        async move { user.order_surely(&format!("oversell-{n}"), &[(product, 1)]).await }
    }));
    let mut kills = 0;
    while !shopping.is_finished() || kills < 4 {
        sleep(Duration::from_millis(700)).await;
        let victim = dice.random_range(0..2);
        system.workers[victim].kill();
        kills += 1;
        if kills == 2 {
            // No worker reads, so that there is something to lose.
            system.workers[1 - victim].kill();
        }
        sleep(Duration::from_millis(300)).await;
        match kills {
            2 => {
                redis_is_wiped(&system).await;
                system.workers[1 - victim].start();
            }
            3 => {
                system.pause(Server::Postgres);
                system.resume(Server::Postgres);
            }
            _ => {}
        }
        system.workers[victim].start();
    }
    let mut history = History::default();
    for id in shopping.await.expect("the shopping ends well") {
        history.acked.insert(id);
    }
    println!("{kills} workers killed");
    assert_eq!(history.acked.len(), orders, "each key has an order of its own");
    system.comes_to_rest(0).await;
    history.holds(&system).await;
    sold(&system, stock).await;
}

async fn redis_is_wiped(system: &System) {
    let mut redis = system.redis().await;
    deadpool_redis::redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.expect("it is wiped");
}

async fn sold(system: &System, stock: i64) {
    let (reserved, failed) = (system.orders("RESERVED").await, system.orders("FAILED").await);
    assert_eq!((reserved, failed), (stock, system.number("SELECT count(*) FROM orders").await - stock));
    assert_eq!(system.number("SELECT stock FROM products WHERE sku = 'wanted'").await, 0);
    assert_eq!(system.number("SELECT count(*) FROM orders WHERE reason = 'insufficient_stock'").await, failed);
}
