//! A rate limit is kept, neither exceeded nor undercut, while Redis fails over beneath it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha::{PASSWORD, Sentinel, Site};
use testkit::system::{Plan, System};
use tokio::time::sleep;

/// The limit of the operation: requests in a window.
const AMOUNT: usize = 120;
const WINDOW: Duration = Duration::from_secs(60);
/// What processes that count alone do not know of each other, and what was sent to a Redis that did not respond, in all failovers.
const MISCOUNTED: usize = 12;
const REQUESTS: usize = 200;
const THINK: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_two_processes_is_kept_while_sentinels_turn_to_another_redis() {
    let site = Arc::new(Site::new("limits").expect("the programs are there"));
    let mut group = Sentinel::start(&site).await.expect("a group");
    let url = format!("redis-sentinel://:{PASSWORD}@{}/0?master={}", group.addresses(), group.name());
    let system = System::start(&Plan::new("ha-limits")).await;
    let mut processes = ["one", "other"].map(|name| system.process("analytics", name, &[("REDIS_URL", &*url)]));
    let mut clients = Vec::new();
    for process in &mut processes {
        process.start();
        process.ready().await;
        let client = testkit::Client::new(process.url());
        clients.push(client.login("/api/p3/auth/login/access-token", "admin@example.com", "admin").await);
    }
    let mut admitted: Vec<Instant> = Vec::new();
    for n in 0..REQUESTS {
        match n {
            40 => group.failover().await.expect("another primary"),
            80 => {
                let primary = group.primary().await.expect("a primary");
                group.servers[primary].kill().expect("it is killed");
            }
            _ => {}
        }
        let asked = Instant::now();
        let answer = clients[n % 2].get("/api/p3/analytics/export?limit=1").await;
        match answer.status.as_u16() {
            200 => admitted.push(asked),
            429 => drop(answer.expect_problem(429, "rate_limited")),
            _ => panic!("{answer:?}"),
        }
        sleep(THINK).await;
    }
    let in_window = |begin: &Instant| admitted.iter().filter(|at| **at >= *begin && **at - *begin < WINDOW).count();
    let most = admitted.iter().map(in_window).max().unwrap_or(0);
    let mut alone = Vec::new();
    for client in &clients {
        let metrics = client.get("/metrics").await.text;
        let count = metrics.lines().find_map(|line| line.strip_prefix("rate_limit_local_fallbacks_total "));
        alone.push(count.expect("a metric").parse::<f64>().expect("a number"));
    }
    println!("{} of {REQUESTS} admitted, {most} in the fullest window, counted alone: {alone:?}", admitted.len());
    assert!(alone.iter().all(|count| *count > 0.5), "both processes have counted alone");
    assert!(most <= AMOUNT + MISCOUNTED && admitted.len() >= AMOUNT - MISCOUNTED);
    for process in &mut processes {
        assert_eq!(process.stop().await.code(), Some(0));
    }
}
