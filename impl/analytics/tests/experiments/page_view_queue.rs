//! More page views than can be stored, and a shutdown while some are queued: rejections are immediate, and acknowledged views are
//! stored.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use testkit::process::Process;
use testkit::process::is_reset;
use testkit::scale::size;
use testkit::system::{Plan, System};

/// Rows of a batch, and the limit of queued rows.
const ROWS: usize = 1_000;
const MOST: usize = 20_000;
/// KiB that queued rows may take, with the requests in transit.
const ROOM: u64 = 96 * 1024;

async fn start(name: &'static str) -> (System, Process) {
    let system = System::start(&Plan { ..Plan::new(name) }).await;
    let mut api = system.process("analytics", "analytics-1", &[]);
    api.start();
    api.ready().await;
    // State that is initialized by the first request is warm.
    let first = Client::new().post(views(&api)).json(&json!({"path": "/jam"})).send().await.expect("an answer");
    assert_eq!(first.status(), 201);
    (system, api)
}

fn views(api: &Process) -> String {
    format!("{}/api/p3/page-views", api.url())
}

/// The number of queued rows that the process reports.
async fn waiting(api: &Process) -> usize {
    let metrics = Client::new().get(format!("{}/metrics", api.url())).send().await.expect("an answer");
    let text = metrics.text().await.expect("metrics");
    let line = text.lines().find_map(|line| line.strip_prefix("page_views_queued ")).expect("it is measured");
    line.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn when_too_many_wait_the_rest_is_refused_at_once_and_memory_stays_bounded() {
    let (batches, enough) = size((80, 40), (400, 300));
    let (system, mut api) = start("page-view-queue").await;
    let before = api.resident();
    // Nothing can be stored now.
    let mut jam = system.db.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE page_views IN EXCLUSIVE MODE").execute(&mut *jam).await.expect("it is locked");
    let (http, refused, mut sent) = (Client::new(), Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..batches {
        let rows: Value = (0..ROWS).map(|_| json!({"path": "/jam", "event_id": Uuid::new_v4()})).collect();
        let request = http.post(format!("{}/batch", views(&api))).json(&rows);
        let refused = Arc::clone(&refused);
        sent.spawn(async move {
            let answer = request.send().await.expect("an answer");
            let status = answer.status().as_u16();
            let soon = answer.headers().get("retry-after").is_some();
            let body: Value = answer.json().await.expect("JSON");
            // All of them come from one address, which may not fill the queue.
            assert!(status == 201 || (soon && [429, 503].contains(&status)), "{status} {body}");
            refused.fetch_add(usize::from(body["code"] == "too_many_concurrent_requests"), Ordering::Relaxed);
            status == 201
        });
    }
    // They are rejected while nothing is stored: the blockage goes on until they are.
    while refused.load(Ordering::Relaxed) < enough {
        assert!(!sent.is_empty(), "{} were refused", refused.load(Ordering::Relaxed));
        assert!(waiting(&api).await <= MOST);
        sleep(Duration::from_millis(20)).await;
    }
    let grown = api.resident().saturating_sub(before);
    assert!(grown < ROOM, "{grown} KiB more");
    jam.commit().await.expect("the jam is over");
    let acked = sent.join_all().await.into_iter().filter(|acked| *acked).count();
    let stored = system.number("SELECT count(*) FROM page_views").await;
    assert_eq!(
        usize::try_from(stored),
        Ok(acked * ROWS + 1),
        "what was acknowledged is stored, what was refused is not"
    );
    assert_eq!(waiting(&api).await, 0);
    let next = http.post(views(&api)).json(&json!({"path": "/jam"})).send().await.expect("an answer");
    assert_eq!(next.status(), 201);
    assert_eq!(api.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_a_process_is_asked_to_stop_is_stored_and_acknowledged() {
    let (system, mut api) = start("page-view-shutdown").await;
    for _ in 0..size(2, 20) {
        let (end, mut clients) = (CancellationToken::new(), JoinSet::new());
        let reset = Arc::new(AtomicUsize::new(0));
        for _ in 0..32 {
            clients.spawn(report(views(&api), end.clone(), Arc::clone(&reset)));
        }
        sleep(Duration::from_millis(700)).await;
        assert_eq!(api.stop().await.code(), Some(0));
        end.cancel();
        let acked: HashSet<Uuid> = clients.join_all().await.into_iter().flatten().collect();
        assert!(acked.len() > 50, "{} were acknowledged\n{}", acked.len(), api.tail());
        let stored: HashSet<Uuid> = sqlx::query_scalar("SELECT event_id FROM page_view_events")
            .fetch_all(&system.db)
            .await
            .expect("the events")
            .into_iter()
            .collect();
        assert_eq!(acked, stored, "acknowledged and stored");
        // Between the last check and the end of the socket the kernel may accept one more.
        assert!(reset.load(Ordering::Relaxed) <= 1, "{reset:?} reset");
        sqlx::query("TRUNCATE page_view_events").execute(&system.db).await.expect("they are forgotten");
        api.start();
        api.ready().await;
    }
    assert_eq!(api.stop().await.code(), Some(0));
}

/// Reports one view after the other until no connection can be opened; returns the acknowledged ones. A request that was accepted
/// and then failed is a failure.
async fn report(url: String, end: CancellationToken, reset: Arc<AtomicUsize>) -> Vec<Uuid> {
    let (http, mut acked) = (Client::new(), Vec::new());
    while !end.is_cancelled() {
        let id = Uuid::new_v4();
        let request = http.post(&url).json(&json!({"path": "/page", "event_id": id}));
        match request.send().await.as_ref().map(Response::status) {
            Ok(status) => {
                assert_eq!(status, 201);
                acked.push(id);
            }
            Err(error) if error.is_connect() => break,
            Err(error) if is_reset(error) => drop(reset.fetch_add(1, Ordering::Relaxed)),
            Err(error) => panic!("a request in flight failed: {error:?}"),
        }
    }
    acked
}
