//! Redis is killed, wiped and stopped: orders are accepted all the same, and processed soon after.

use std::time::{Duration, Instant};

use backends::Server;
use deadpool_redis::redis::cmd;
use tokio::time::sleep;

use crate::crowd::Load;
use crate::shopper::Shopper;
use crate::system::{Plan, System};
use testkit::process::Process;
use testkit::scale::size;
use testkit::system::DRAINED;

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_accepted_and_drained_whatever_happens_to_redis() {
    let mut system = System::start(&Plan { workers: 2, ..Plan::new("redis") }).await;
    let load = start(&system).await;
    killed(&mut system).await;
    sleep(Duration::from_secs(1)).await;
    system.pause(Server::Redis);
    sleep(size(Duration::from_secs(5), Duration::from_secs(20))).await;
    system.resume(Server::Redis);
    sleep(Duration::from_secs(1)).await;
    // Last, since while Redis is unavailable the workers find its lost messages in the outbox.
    backlog(&mut system).await;
    cmd("FLUSHALL").query_async::<()>(&mut system.redis().await).await.expect("it is wiped");
    system.workers.iter_mut().for_each(Process::start);
    all_is_accepted_and_drained(&system, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_accepted_and_drained_when_redis_comes_back_with_nothing() {
    let mut system = System::start(&Plan { workers: 2, append_only: false, ..Plan::new("redis-without-file") }).await;
    let load = start(&system).await;
    killed(&mut system).await;
    sleep(Duration::from_millis(500)).await;
    backlog(&mut system).await;
    killed(&mut system).await;
    system.workers.iter_mut().for_each(Process::start);
    all_is_accepted_and_drained(&system, load).await;
}

/// Lets orders accumulate in the stream: no worker reads it until the workers are started again.
async fn backlog(system: &mut System) {
    system.workers.iter_mut().for_each(Process::kill);
    let (mut redis, deadline) = (system.redis().await, Instant::now() + DRAINED);
    while cmd("XLEN").arg("shop:orders").query_async::<i64>(&mut redis).await.expect("a length") < 20 {
        assert!(Instant::now() < deadline, "nothing is published");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn start(system: &System) -> Load {
    let product = Shopper::admin(system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(system).await;
    user.warm_up(system).await;
    let load = Load::start(&user, 8, product);
    sleep(Duration::from_secs(1)).await;
    load
}

async fn killed(system: &mut System) {
    system.kill(Server::Redis);
    sleep(Duration::from_millis(500)).await;
    system.resume(Server::Redis);
}

async fn all_is_accepted_and_drained(system: &System, load: Load) {
    let history = load.stop().await;
    history.served();
    assert!(history.acked.len() > 100, "{} orders", history.acked.len());
    system.comes_to_rest(0).await;
    history.holds(system).await;
    assert_eq!(system.orders("RESERVED").await, system.number("SELECT count(*) FROM orders").await);
}
