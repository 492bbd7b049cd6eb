//! A worker dies, as by kill -9, at each boundary between two of its steps; the next one finishes what was begun.

use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use shop::pipeline::failpoints::Failpoint;
use tokio::time::sleep;

use crate::process::{Process, Role};
use crate::scale::size;
use crate::shopper::{Outcome, Shopper};
use crate::system::{DRAINED, Plan, System};

/// Where every order passes; the others need something to go wrong first, and make the run long.
const EVERY_ORDER: &[Failpoint] = &[
    Failpoint::RelayClaimed,
    Failpoint::RelayPublished,
    Failpoint::WorkerReceived,
    Failpoint::BatchBegun,
    Failpoint::BatchLocked,
    Failpoint::BatchWritten,
    Failpoint::BatchCommitted,
    Failpoint::BatchAcknowledged,
];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_every_boundary() {
    let environment = &[("RESERVATION_SECONDS", "2")];
    let mut system = System::start(&Plan { workers: 0, environment, ..Plan::new("boundaries") }).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000).await;
    let user = Shopper::user(&system).await;
    let mut poison = 0;
    for (name, point) in Failpoint::ALL {
        if !size(EVERY_ORDER.contains(point), is_reachable(*point)) {
            continue;
        }
        let mut doomed = system.another(Role::Worker, name, &[("FAILPOINT", &format!("{name}:die"))]);
        poison += prepare(&system, *point).await;
        for _ in 0..5 {
            let Outcome::Acked(_) = user.order(None, &[(product, 1)]).await else { panic!("not accepted") };
        }
        if matches!(point, Failpoint::RelayClaimed | Failpoint::RelayPublished) {
            // The shop publishes as well; the worker is to find something to publish.
            system.shops[0].kill();
            sqlx::query("UPDATE outbox SET published_at = NULL").execute(&system.db).await.expect("it is taken back");
        }
        doomed.start();
        dies(&mut doomed, name).await;
        if !system.shops[0].is_running() {
            system.shops[0].start();
            system.ready().await;
        }
        let mut next = system.another(Role::Worker, &format!("after-{name}"), &[]);
        next.start();
        next.ready().await;
        system.comes_to_rest(poison).await;
        assert_eq!(next.stop().await.code(), Some(0));
    }
}

/// What is passed without a handler that fails; those are armed in the shop's own tests.
fn is_reachable(point: Failpoint) -> bool {
    !matches!(
        point,
        Failpoint::RelayRefused | Failpoint::FailureCounted | Failpoint::MessageBuried | Failpoint::LossHealed
    )
}

/// Brings about what the boundary is passed in; how many dead letters that makes.
async fn prepare(system: &System, point: Failpoint) -> i64 {
    let mut redis = system.redis().await;
    let mut run = async |words: &[&str]| {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async::<deadpool_redis::redis::Value>(&mut redis).await
    };
    match point {
        Failpoint::GroupCreated => {
            let _ = run(&["DEL", "shop:orders"]).await;
            0
        }
        Failpoint::EntryBuried => {
            run(&["XADD", "shop:orders", "*", "garbage", "garbage"]).await.expect("it is added");
            1
        }
        Failpoint::WorkerClaimed => {
            run(&["XADD", "shop:orders", "*", "message", "999999999"]).await.expect("it is added");
            let read = ["XREADGROUP", "GROUP", "workers", "dead", "COUNT", "1", "STREAMS", "shop:orders", ">"];
            run(&read).await.expect("it is read, by somebody who is never heard of again");
            0
        }
        _ => 0,
    }
}

async fn dies(process: &mut Process, name: &str) {
    let deadline = Instant::now() + DRAINED;
    while process.is_running() {
        assert!(Instant::now() < deadline, "nobody came to {name}:\n{}", process.tail());
        sleep(Duration::from_millis(50)).await;
    }
}
