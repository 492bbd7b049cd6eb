//! Clients that do a little of everything through the gateway, and remember what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::system::System;
use testkit::{Answer, Client};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CLIENTS: usize = 6;
/// How long some requests may take, on a machine that is busy with other things.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Running clients.
pub struct Load {
    clients: JoinSet<Acknowledged>,
    requests: Arc<AtomicUsize>,
    end: CancellationToken,
}

/// What clients got a 2xx for.
#[derive(Default)]
pub struct Acknowledged {
    pub requests: usize,
    tasks: Vec<i64>,
    orders: Vec<i64>,
    paid: Vec<i64>,
    views: Vec<Uuid>,
}

impl Load {
    pub async fn start(system: &System, gateway: &str) -> Self {
        let sql = "WITH product AS (INSERT INTO products (sku, name, price_cents, stock) VALUES ('plenty', 'Plenty', 1, 1000000) RETURNING id, stock),
            stocked AS (INSERT INTO stock_entries (product_id, kind, quantity) SELECT id, 'receive', stock FROM product)
            SELECT id FROM product";
        let product = system.number(sql).await;
        let (requests, end) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let mut clients = JoinSet::new();
        for n in 0..CLIENTS {
            let one = One::sign_up(gateway, n, product, Arc::clone(&requests)).await;
            clients.spawn(one.go_on(end.clone()));
        }
        Self { clients, requests, end }
    }

    /// Waits until so many more requests were completed.
    pub async fn more(&self, than: usize) {
        self.until(self.requests.load(Ordering::Relaxed) + than).await;
    }

    /// Waits until so many requests were completed.
    pub async fn until(&self, number: usize) {
        let waited = timeout(TIMEOUT, async {
            while self.requests.load(Ordering::Relaxed) < number {
                assert!(!self.end.is_cancelled(), "a request failed: the panic of a client says which");
                sleep(Duration::from_millis(10)).await;
            }
        });
        waited.await.expect("requests are answered");
    }

    /// Ends it; a request that failed fails here.
    pub async fn stop(self) -> Acknowledged {
        self.end.cancel();
        let mut all = Acknowledged { requests: self.requests.load(Ordering::Relaxed), ..Acknowledged::default() };
        for one in self.clients.join_all().await {
            all.tasks.extend(one.tasks);
            all.orders.extend(one.orders);
            all.paid.extend(one.paid);
            all.views.extend(one.views);
        }
        all
    }
}

impl Acknowledged {
    pub async fn are_there(&self, system: &System) {
        const TASKS: &str = "SELECT count(*) FROM tasks WHERE id = ANY($1) AND status = 'Done'";
        const ORDERS: &str = "SELECT count(*) FROM orders WHERE id = ANY($1) AND status <> 'PENDING'";
        const PAID: &str = "SELECT count(*) FROM orders WHERE id = ANY($1) AND status = 'PAID'";
        const VIEWS: &str = "SELECT count(*) FROM page_views WHERE event_id = ANY($1)";
        for (sql, ids) in [(TASKS, &self.tasks), (ORDERS, &self.orders), (PAID, &self.paid)] {
            let found: i64 = sqlx::query_scalar(sql).bind(ids).fetch_one(&system.db).await.expect("counts");
            assert_eq!(usize::try_from(found), Ok(ids.len()), "{sql}");
            assert!(!ids.is_empty(), "{sql}");
        }
        let found: i64 = sqlx::query_scalar(VIEWS).bind(&self.views).fetch_one(&system.db).await.expect("counts");
        assert_eq!(usize::try_from(found), Ok(self.views.len()), "page views");
    }
}

/// One client.
struct One {
    client: Client,
    email: String,
    project: i64,
    product: i64,
    requests: Arc<AtomicUsize>,
    acknowledged: Acknowledged,
}

const PASSWORD: &str = "correct horse battery";

impl One {
    async fn sign_up(gateway: &str, n: usize, product: i64, requests: Arc<AtomicUsize>) -> Self {
        let (client, email) = (Client::new(gateway), format!("client-{n}@example.com"));
        let account = json!({"email": email, "password": PASSWORD});
        expect("sign up", client.post("/p1/api/v1/auth/signup", &account).await);
        let client = client.login("/p1/api/v1/auth/login/access-token", &email, PASSWORD).await;
        let project = expect("project", client.post("/p1/api/v1/projects", &json!({"title": "A project"})).await);
        let project = id(&project);
        Self { client, email, project, product, requests, acknowledged: Acknowledged::default() }
    }

    async fn go_on(mut self, end: CancellationToken) -> Acknowledged {
        // A failed request ends everything.
        let _guard = end.clone().drop_guard();
        for n in 0.. {
            if end.is_cancelled() {
                break;
            }
            self.tasks(n).await;
            self.orders().await;
            self.views(n).await;
            if n % 10 == 0 {
                let path = if n % 20 == 0 { "/p1/api/v1" } else { "/p2/api/v2" };
                self.client =
                    self.client.login(&format!("{path}/auth/login/access-token"), &self.email, PASSWORD).await;
            }
        }
        self.acknowledged
    }

    async fn tasks(&mut self, n: usize) {
        let task = json!({"title": format!("Task {n}"), "project_id": self.project});
        let made = self.answered("task", self.client.post("/p1/api/v1/tasks", &task).await);
        let path = format!("/p1/api/v1/tasks/{}", id(&made));
        let read = self.answered("read of a task", self.client.get(&path).await);
        let etag = read.headers["etag"].to_str().expect("an ETag");
        let request = self.client.request(Method::PATCH, &path).header("if-match", etag);
        let request = request.header("content-type", "application/merge-patch+json").body(r#"{"status": "Done"}"#);
        self.answered("change of a task", self.client.send(request).await);
        self.acknowledged.tasks.push(id(&made));
        self.answered("list of tasks", self.client.get("/p1/api/v1/tasks?limit=5").await);
    }

    async fn orders(&mut self) {
        let order = json!({"items": [{"product_id": self.product, "quantity": 1}]});
        let request = self.client.request(Method::POST, "/p2/api/v2/orders");
        let request = request.header("idempotency-key", Uuid::new_v4().to_string()).json(&order);
        let order = id(&self.answered("order", self.client.send(request).await));
        self.acknowledged.orders.push(order);
        let path = format!("/p2/api/v2/orders/{order}");
        let decided = async {
            while self.answered("read of an order", self.client.get(&path).await).json["status"] == "PENDING" {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(60), decided).await.expect("the order is decided");
        self.answered("payment", self.client.post_empty(&format!("{path}/pay")).await);
        self.acknowledged.paid.push(order);
        self.answered("product", self.client.get(&format!("/p2/api/v2/products/{}", self.product)).await);
    }

    async fn views(&mut self, n: usize) {
        let event = Uuid::now_v7();
        let view = json!({"path": format!("/{}", n % 20), "event_id": event});
        self.answered("page view", self.client.post("/p3/api/p3/page-views", &view).await);
        self.acknowledged.views.push(event);
        self.answered("ranking", self.client.get("/p3/api/p3/analytics/top-paths/optimized").await);
    }

    fn answered(&self, what: &str, answer: Answer) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        expect(what, answer)
    }
}

fn expect(what: &str, answer: Answer) -> Answer {
    assert!(answer.status.is_success(), "{what}: {} {}", answer.status, answer.text);
    answer
}

fn id(answer: &Answer) -> i64 {
    answer.json["id"].as_i64().unwrap_or_else(|| panic!("no id: {}", answer.text))
}
