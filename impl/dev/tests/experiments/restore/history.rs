//! Clients that write to every service, and when each write was sent and acknowledged.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testkit::Client;
use testkit::system::System;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CLIENTS: usize = 4;
pub const PASSWORD: &str = "correct horse battery";
/// How long some writes may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A write that was acknowledged.
struct Written {
    id: String,
    sent: Instant,
    acknowledged: Instant,
}

/// Everything that was acknowledged.
#[derive(Default)]
pub struct History(Vec<Written>);

impl fmt::Display for History {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} writes acknowledged", self.0.len())
    }
}

impl History {
    /// Asserts that what was acknowledged before `asked` is there, and what was sent after `answered` is not.
    pub async fn holds(&self, system: &System, asked: Instant, answered: Instant) {
        const SQL: &str = "SELECT title FROM tasks UNION ALL SELECT key FROM idempotency_keys UNION ALL SELECT event_id::text FROM page_views";
        let found: Vec<String> = sqlx::query_scalar(SQL).fetch_all(&system.db).await.expect("a list");
        let found: HashSet<_> = found.into_iter().collect();
        let (before, later) =
            (self.0.iter().filter(|one| one.acknowledged < asked), self.0.iter().filter(|one| one.sent > answered));
        let (lost, left): (Vec<_>, Vec<_>) = (
            before.clone().filter(|one| !found.contains(&one.id)).collect(),
            later.clone().filter(|one| found.contains(&one.id)).collect(),
        );
        assert!(before.count() > 100 && later.count() > 20, "too few to tell: {self}");
        assert!(lost.is_empty(), "{} acknowledged before that time are lost", lost.len());
        assert!(left.is_empty(), "{} sent after that time are there", left.len());
    }
}

/// Running clients.
pub struct Clients {
    running: JoinSet<History>,
    written: Arc<AtomicUsize>,
    end: CancellationToken,
}

impl Clients {
    pub async fn start(system: &System, urls: [String; 3]) -> Self {
        let product = system.number("SELECT min(id) FROM products").await;
        let (written, end) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let mut running = JoinSet::new();
        // Who has no quota of unpaid orders.
        let admin =
            Client::new(urls[0].clone()).login("/api/v1/auth/login/access-token", "admin@example.com", "admin").await;
        let project = admin.post("/api/v1/projects", &json!({"title": "A project"})).await.expect(201)["id"].clone();
        let token = admin.token().expect("a token").to_owned();
        for _ in 0..CLIENTS {
            let clients = urls.clone().map(|url| Client::new(url).with_token(&token));
            let (written, end, project) = (Arc::clone(&written), end.clone(), project.clone());
            running.spawn(async move {
                let mut history = History::default();
                while !end.is_cancelled() {
                    let ids: [String; 3] = std::array::from_fn(|_| Uuid::now_v7().to_string());
                    let [tasks, shop, analytics] = &clients;
                    let task = tasks
                        .request(Method::POST, "/api/v1/tasks")
                        .json(&json!({"title": ids[0], "project_id": project}));
                    let order = shop.request(Method::POST, "/api/v2/orders").header("idempotency-key", &ids[1]);
                    let order = order.json(&json!({"items": [{"product_id": product, "quantity": 1}]}));
                    let view = json!({"path": format!("/{}", history.0.len() % 50), "event_id": ids[2]});
                    let view = analytics.request(Method::POST, "/api/p3/page-views").json(&view);
                    for ((client, request), id) in clients.iter().zip([task, order, view]).zip(ids) {
                        let sent = Instant::now();
                        let answer = client.send(request).await;
                        assert!(answer.status.is_success(), "{} {}", answer.status, answer.text);
                        history.0.push(Written { id, sent, acknowledged: Instant::now() });
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                }
                history
            });
        }
        Self { running, written, end }
    }

    /// Waits until so many more writes were acknowledged.
    pub async fn more(&self, than: usize) {
        let target = self.written.load(Ordering::Relaxed) + than;
        let enough = async {
            while self.written.load(Ordering::Relaxed) < target {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(TIMEOUT, enough).await.expect("writes are acknowledged");
    }

    /// Ends it; a write that was rejected fails here.
    pub async fn stop(self) -> History {
        self.end.cancel();
        History(self.running.join_all().await.into_iter().flat_map(|history| history.0).collect())
    }
}
