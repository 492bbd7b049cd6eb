//! A faulty network between the processes and their servers: no request takes longer than its deadline, and nothing is lost.

use std::time::{Duration, Instant};

use testkit::{Fault, FaultProxy};
use tokio::time::sleep;

use crate::crowd::Load;
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::size;
use testkit::system::{DRAINED, IMPATIENT};

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_network_cost_no_order_and_no_more_than_the_deadline() {
    let mut system = System::prepare(&Plan { workers: 2, environment: IMPATIENT, ..Plan::new("network") }).await;
    system.migrate().await;
    let postgres = FaultProxy::start(&system.servers.database_url().expect("Postgres")).await;
    let redis = FaultProxy::start(&system.servers.redis_url().expect("Redis")).await;
    for process in system.shops.iter_mut().chain(&mut system.workers) {
        process.set("DATABASE_URL", postgres.url());
        process.set("REDIS_URL", redis.url());
        process.start();
    }
    system.ready().await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;
    // Every request asserts that it got a response within its deadline.
    let load = Load::start(&user, 8, product);

    let (moment, slow) = (Duration::from_secs(2), Fault::Delay(Duration::from_millis(200)));
    // Longer than a request may take.
    let long = size(Duration::from_secs(12), Duration::from_secs(30));
    let faults = [
        (&redis, slow, moment),
        (&redis, Fault::Reset, moment),
        (&redis, Fault::Blackhole, size(Duration::from_secs(4), long)),
        (&postgres, slow, moment),
        (&postgres, Fault::Reset, moment),
        (&postgres, Fault::Blackhole, long),
    ];
    let mut extra = Vec::new();
    for (proxy, fault, time) in faults {
        proxy.set(fault);
        sleep(time).await;
        proxy.set(Fault::Pass);
        let healed = Instant::now();
        loop {
            let outcome = user.order(None, &[(product, 1)]).await;
            extra.push(outcome.clone());
            if matches!(outcome, Outcome::Acked(_)) {
                break;
            }
            assert!(healed.elapsed() < DRAINED, "{outcome:?} {DRAINED:?} after {fault:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
    let mut history = load.stop().await;
    extra.into_iter().for_each(|outcome| history.add(outcome));
    assert_eq!(history.ambiguous, 0, "the API itself was always there: {history:?}");
    system.comes_to_rest(0).await;
    history.holds(&system).await;
}
