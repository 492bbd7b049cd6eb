//! Where every test happens: the shop on a real port, behind everything that surrounds it in production, on a database
//! of its own with the demo accounts in it.

use std::time::Duration;

use deadpool_redis::redis;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::{Method, StatusCode};
use platform_outbox::Worker;
use serde_json::{Value, json};
use shop::pipeline::Pipeline;
use shop::verify::{self, Finding};
use sqlx::AssertSqlSafe;
use testkit::{Answer, Client, TestDatabase, TestRedis};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::server::{Server, serve};

pub use testkit::pages::{id, ids};

pub const LOGIN: &str = "/api/v2/auth/login/access-token";
pub const PRODUCTS: &str = "/api/v2/products";
pub const ORDERS: &str = "/api/v2/orders";
pub const PASSWORD: &str = "correct horse";

/// What has not happened after this long never will.
pub const AT_LAST: Duration = Duration::from_secs(30);

pub struct World {
    /// Speaks to the shop as nobody.
    pub nobody: Client,
    /// Speaks to the shop as the demo superuser.
    pub admin: Client,
    /// The pipeline of the shop; only tests work on it, step by step.
    pub pipeline: Pipeline,
    /// The one of the process that serves, which others watch.
    pub of_shop: Pipeline,
    /// Where the pipeline's stream is, if it has one.
    pub redis: Option<TestRedis>,
    /// Kept alive: it serves until it is dropped.
    _server: Server,
    // Last: the service's connections should be gone when the database is dropped.
    pub database: TestDatabase,
}

/// Somebody with an account, logged in.
pub struct Person {
    pub id: i64,
    pub client: Client,
}

impl World {
    /// Without Redis.
    pub async fn new() -> Self {
        Self::with(None).await
    }

    /// With a stream.
    pub async fn with_stream() -> Self {
        Self::with(Some(TestRedis::new())).await
    }

    async fn with(redis: Option<TestRedis>) -> Self {
        let database = TestDatabase::new().await;
        let server = serve(&database, redis.as_ref());
        let nobody = server.client();
        let admin = nobody.login(LOGIN, "admin@example.com", "admin").await;
        let (pipeline, of_shop) = (server.pipeline.clone(), server.of_shop.clone());
        Self { nobody, admin, pipeline, of_shop, redis, _server: server, database }
    }

    /// A worker of the shop, which works when it is told to.
    pub fn worker(&self) -> StepWorker {
        let pipeline = self.pipeline.clone();
        StepWorker { worker: Worker::new(pipeline.outbox().clone(), pipeline.handlers()), pipeline }
    }

    /// Has a worker of its own work until nothing is left to do.
    pub async fn drain(&self) {
        let mut worker = self.worker();
        let drained = async || self.number("SELECT count(*) FROM outbox").await == 0 && self.in_stream().await == 0;
        let work = async {
            while !drained().await {
                worker.step(Duration::ZERO).await.expect("Postgres answers");
            }
        };
        timeout(AT_LAST, work).await.expect("everything is done in the end");
    }

    /// Has a worker run as it does in its process until something holds.
    pub async fn work_until(&self, holds: impl AsyncFn() -> bool) {
        let end = CancellationToken::new();
        let pipeline = self.pipeline.clone();
        let work = tokio::spawn({
            let end = end.clone();
            async move { pipeline.work(end).await }
        });
        let wait = async {
            while !holds().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(AT_LAST, wait).await.expect("it holds in the end");
        end.cancel();
        work.await.expect("a worker ends well");
    }

    /// Waits until an order has so many watchers.
    pub async fn until_watched(&self, watchers: usize) {
        let wait = async {
            while self.of_shop.watchers() != watchers {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(AT_LAST, wait).await.expect("they come or go");
    }

    async fn in_stream(&self) -> i64 {
        let Some(redis) = &self.redis else { return 0 };
        let mut connection = redis.connect().await;
        redis::cmd("XLEN")
            .arg(format!("{}orders", redis.prefix()))
            .query_async(&mut connection)
            .await
            .expect("a length")
    }

    /// A command of somebody else's; `{stream}` stands for the name of the stream. It may fail.
    pub async fn stream_command(&self, words: &[&str]) {
        let redis = self.redis.as_ref().expect("a world with a stream");
        let stream = format!("{}orders", redis.prefix());
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word.replace("{stream}", &stream));
        });
        let _ = command.query_async::<redis::Value>(&mut redis.connect().await).await;
    }

    /// Has the relay fail once: where the stream should be, there is something else.
    pub async fn break_stream_once(&self) {
        self.stream_command(&["DEL", "{stream}"]).await;
        self.stream_command(&["SET", "{stream}", "not a stream"]).await;
        let publish = std::panic::AssertUnwindSafe(self.pipeline.outbox().publish()).catch_unwind();
        assert!(!matches!(publish.await, Ok(Ok(_))), "there is no stream to append to");
        self.stream_command(&["DEL", "{stream}"]).await;
    }

    /// Everything that must hold of the shop's data at rest holds.
    pub async fn verify(&self) {
        self.holds(true).await;
    }

    /// Everything that must hold of the shop's data at any moment holds.
    pub async fn verify_now(&self) {
        self.holds(false).await;
    }

    async fn holds(&self, at_rest: bool) {
        let findings = verify::make(&mut self.database.connect().await, at_rest).await.expect("the checks are made");
        for (check, finding) in findings {
            assert!(!matches!(finding, Finding::Violated { .. }), "{} {}: {finding:?}", check.invariant, check.name);
        }
    }

    /// An account of its own, logged in. `name` becomes `name@example.com`.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let account = json!({"email": email, "password": PASSWORD, "full_name": name});
        let id = id(&self.nobody.post("/api/v2/auth/signup", &account).await.expect(200));
        Person { id, client: self.nobody.login(LOGIN, &email, PASSWORD).await }
    }

    /// A product whose name is its SKU, as in the response.
    pub async fn product(&self, sku: &str, price_cents: i64, stock: i64) -> Value {
        let product = json!({"sku": sku, "name": sku, "price_cents": price_cents, "stock": stock});
        self.admin.post(PRODUCTS, &product).await.expect(201)
    }

    /// The stock of a product, as everyone sees it.
    pub async fn stock(&self, product: i64) -> i64 {
        let product = self.nobody.get(&format!("{PRODUCTS}/{product}")).await.expect(200);
        product["stock"].as_i64().expect("a number")
    }

    /// Adjusts the stock of a product.
    pub async fn adjust(&self, product: i64, delta: i64) -> Answer {
        self.admin.send(self.admin.request(Method::PATCH, &format!("{PRODUCTS}/{product}/stock?delta={delta}"))).await
    }

    /// A number from the database.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::query_scalar(sql).fetch_one(&mut self.database.connect().await).await.expect("a number")
    }

    /// An order with one line, put there by SQL as the pipeline would leave it: reserved stock is held.
    pub async fn stored_order(&self, status: &str, reason: Option<&str>, product: &Value, quantity: i64) -> i64 {
        const SQL: &str = "
            WITH o AS (INSERT INTO orders (user_id, status, reason, total_cents) VALUES (2, $1, $2, $4) RETURNING id),
                 i AS (INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
                       SELECT id, $3, 'SKU', 'Name', $4, 1 FROM o),
                 r AS (INSERT INTO reservations (order_id, product_id, quantity)
                       SELECT id, $3, $4 FROM o WHERE $1 = 'RESERVED' RETURNING *),
                 e AS (INSERT INTO stock_entries (order_id, product_id, kind, quantity)
                       SELECT order_id, product_id, 'reserve', -quantity FROM r),
                 p AS (UPDATE products SET stock = stock - $4 FROM r WHERE products.id = r.product_id)
            SELECT id FROM o";
        let order = sqlx::query_scalar(SQL).bind(status).bind(reason).bind(id(product)).bind(quantity);
        order.fetch_one(&mut self.database.connect().await).await.expect("an order")
    }

    /// Sends as many concurrent requests as the service may have connections to Postgres, so that all are opened: on a busy
    /// machine that may take longer than the timeout of a request, which would fail a test that counts
    /// responses.
    pub async fn warm_up(&self, product: i64) {
        let path = format!("{PRODUCTS}/{product}");
        loop {
            let nothing = json!({});
            let answers = join_all((0..12).map(|_| self.admin.patch(&path, &nothing))).await;
            if answers.iter().all(|answer| answer.status == StatusCode::OK) {
                return;
            }
        }
    }
}

/// A worker that does everything a worker process does, round by round.
pub struct StepWorker {
    worker: Worker,
    pipeline: Pipeline,
}

impl StepWorker {
    /// One round: messages, and then what has expired.
    pub async fn step(&mut self, abandoned: Duration) -> platform::Result<()> {
        self.worker.step(abandoned).await?;
        self.pipeline.expire().await.map(drop)
    }
}

impl Person {
    /// Orders so many of a product; the order's id.
    pub async fn order(&self, product: &Value, quantity: i64) -> i64 {
        let items = json!({"items": [{"product_id": product["id"], "quantity": quantity}]});
        id(&self.client.post(ORDERS, &items).await.expect(201))
    }

    /// The state of an order.
    pub async fn status(&self, order: i64) -> String {
        let order = self.client.get(&format!("{ORDERS}/{order}")).await.expect(200);
        order["status"].as_str().expect("a state").to_owned()
    }
}

/// Any request with an optional JSON body.
pub async fn ask(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let method: Method = method.parse().expect("a method");
    let request = client.request(method, path);
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

/// `path` with a query; the values are encoded.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x").expect("a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    format!("{path}?{}", url.query().unwrap_or_default())
}
