//! Several replicas of each service behind one gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use testkit::documents::is_served;
use testkit::{Answer, Client};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::system::{Gateway, Stores};

const READERS: usize = 8;
const WRITERS: usize = 8;

/// What clients saw who went on asking.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    failed: AtomicUsize,
}

async fn read(client: Client, n: usize) -> Answer {
    let paths = ["/health", "/api/p3/analytics/top-paths/optimized"];
    client.get(&format!("/p3{}", paths[n % paths.len()])).await
}

async fn write(client: Client, n: usize) -> Answer {
    client.post("/p3/api/p3/page-views", &json!({"path": format!("/{n}")})).await
}

async fn go_on<F>(each: fn(Client, usize) -> F, client: Client, seen: Arc<Seen>, end: CancellationToken)
where
    F: Future<Output = Answer>,
{
    for n in 0.. {
        if end.is_cancelled() {
            break;
        }
        let answer = each(client.clone(), n).await;
        if answer.status.is_success() {
            seen.answered.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // The gateway says so itself, and honestly: it may be done or not.
        assert_eq!(answer.expect_problem(502, "bad_gateway").header("retry-after"), "1");
        seen.failed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn more(seen: &Seen, than: usize) {
    let target = seen.answered.load(Ordering::Relaxed) + than;
    while seen.answered.load(Ordering::Relaxed) < target {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_killed_takes_only_what_it_was_working_on_along() {
    if !is_served("analytics") {
        return;
    }
    let stores = Stores::new().await;
    let (mut one, two) = tokio::join!(stores.services(), stores.services());
    let gateway = Gateway::before(&[&one, &two], &[]).await;
    let (reads, writes, end) = (Arc::new(Seen::default()), Arc::new(Seen::default()), CancellationToken::new());
    let mut clients = JoinSet::new();
    for _ in 0..READERS {
        clients.spawn(go_on(read, gateway.client(), Arc::clone(&reads), end.clone()));
    }
    for _ in 0..WRITERS {
        clients.spawn(go_on(write, gateway.client(), Arc::clone(&writes), end.clone()));
    }
    more(&reads, 200).await;
    more(&writes, 200).await;
    one.process.kill();
    more(&reads, 400).await;
    more(&writes, 400).await;
    end.cancel();
    clients.join_all().await;

    assert_eq!(reads.failed.load(Ordering::Relaxed), 0, "what is safe to repeat goes to the other replica");
    let failed = writes.failed.load(Ordering::Relaxed);
    assert!(failed <= WRITERS, "{failed} failed, of {WRITERS} under way at most");
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM page_views")
        .fetch_one(&mut stores.database.connect().await)
        .await
        .expect("a count");
    let acknowledged = writes.answered.load(Ordering::Relaxed);
    let stored = usize::try_from(stored).expect("a count");
    assert!((acknowledged..=acknowledged + failed).contains(&stored), "{stored} of {acknowledged} and {failed}");

    let log = gateway.stop();
    for services in [&one, &two] {
        let address = services.address("analytics");
        let work = log
            .iter()
            .filter(|line| line["http.response.status_code"] == 201 && line["upstream.address"] == *address)
            .count();
        assert!(work > 20, "{address} got {work} of the writes");
    }
}
