//! An upgrade under load, as docs/operations.md describes it: processes of the last release, today's migrations, and then
//! today's processes one after the other. No request fails, and everything acknowledged is there.
//!
//! `./test.sh upgrade` builds the last release (`run` in this folder); its server is `UPGRADE_FROM`.

#[path = "../gateway/system.rs"]
#[expect(dead_code, reason = "the upgrade needs the gateway alone of it")]
mod gateway;
mod load;

use std::path::PathBuf;
use std::time::Duration;

use gateway::Gateway;
use load::Load;
use reqwest::StatusCode;
use services::SERVICES;
use testkit::documents::is_served;
use testkit::process::{Process, program};
use testkit::scale::size;
use testkit::system::{Plan, System};
use tokio::time::sleep;

/// Processes of each role.
const REPLICAS: usize = 2;
/// How long a process is ready before the next one is replaced: the gateway tries one that was missing again after two seconds,
/// and counts whole seconds.
const SETTLED: Duration = Duration::from_secs(3);
/// Requests between two steps.
const BETWEEN: usize = 100;
const VERSION: &str = "SELECT max(version)::bigint FROM refinery_schema_history";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the server of the last release: ./test.sh upgrade"]
async fn no_request_fails_while_the_last_release_is_replaced_by_this_one() {
    if !["tasks", "shop", "analytics"].into_iter().all(is_served) {
        return;
    }
    let old = PathBuf::from(std::env::var_os("UPGRADE_FROM").expect("UPGRADE_FROM is the server of the last release"));
    let environment = &[("RATE_LIMITS", "off"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let mut system = System::prepare(&Plan { environment, ..Plan::new("upgrade") }).await;
    system.program = old;
    system.migrate().await;
    let before = system.number(VERSION).await;

    let mut processes: Vec<Process> = SERVICES
        .iter()
        .flat_map(|service| (1..=REPLICAS).map(|n| system.process(service.name, &format!("{}-{n}", service.name), &[])))
        .collect();
    for process in &mut processes {
        process.start();
    }
    for process in &mut processes {
        process.ready().await;
    }
    let addresses = |name: &str| {
        let at = SERVICES.iter().position(|service| service.name == name).expect("a service") * REPLICAS;
        let urls: Vec<_> = processes[at..at + REPLICAS].iter().map(|one| one.url().replace("http://", "")).collect();
        urls.join(",")
    };
    let gateway = Gateway::start(addresses, &[]).await;
    let load = Load::start(&system, &gateway.url()).await;
    load.more(BETWEEN).await;

    // One of today's on yesterday's schema: it lives, and waits for the migrations.
    system.program = program();
    let mut early = system.process("tasks", "early", &[]);
    early.start();
    early.answers("/health", Duration::from_secs(30)).await;
    let newest = platform::migrate::newest();
    assert_eq!(readiness(&early).await == StatusCode::SERVICE_UNAVAILABLE, before < newest, "{}", early.tail());

    system.migrate().await;
    assert_eq!(system.number(VERSION).await, newest);
    early.ready().await;
    // The old ones on the new schema, and readiness says so.
    load.more(2 * BETWEEN).await;
    for process in &mut processes {
        process.ready().await;
    }

    for process in &mut processes {
        let status = process.stop().await;
        assert!(status.success(), "{status}\n{}", process.tail());
        process.program = program();
        process.start();
        process.ready().await;
        sleep(SETTLED).await;
        load.more(BETWEEN).await;
    }
    load.until(size(3_000, 50_000)).await;
    let acknowledged = load.stop().await;
    println!("from V{before} to V{newest}: {} requests, 0 failed", acknowledged.requests);

    system.comes_to_rest(0, || processes.iter().map(Process::tail).collect::<Vec<_>>().join("\n\n")).await;
    acknowledged.are_there(&system).await;
    let complaints = processes.iter().flat_map(|process| lines(process, "permission denied"));
    let complaints: Vec<String> =
        complaints.chain(processes.iter().flat_map(|process| lines(process, "panicked"))).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

fn lines(process: &Process, with: &str) -> Vec<String> {
    process.log().lines().filter(|line| line.contains(with)).map(str::to_owned).collect()
}

async fn readiness(process: &Process) -> StatusCode {
    reqwest::get(format!("{}/health/ready", process.url())).await.expect("a response").status()
}
