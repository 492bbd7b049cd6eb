//! Where every test happens: the shop on a real port, behind everything that surrounds it in production, on a database of
//! its own with the demo accounts in it.

use std::sync::Arc;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use platform::Database;
use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::settings::AuthSettings;
use serde_json::{Value, json};
use shop::ShopService;
use shop::pipeline::Pipeline;
use sqlx::AssertSqlSafe;
use testkit::{Answer, Client, TestDatabase, TestServer};

pub use testkit::pages::{id, ids};

pub const LOGIN: &str = "/api/v2/auth/login/access-token";
pub const PRODUCTS: &str = "/api/v2/products";
pub const PASSWORD: &str = "correct horse";

/// Hashing that costs nothing: no test here is about it.
const CHEAP: [&str; 6] = [
    "--secret-key",
    "a key that belongs to the tests only, and is long enough",
    "--argon2-memory-kib",
    "64",
    "--argon2-iterations",
    "1",
];

pub struct World {
    /// Speaks to the shop as nobody.
    pub nobody: Client,
    /// Speaks to the shop as the demo superuser.
    pub admin: Client,
    /// Kept alive: it serves until it is dropped.
    _server: TestServer,
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
        let database = TestDatabase::new().await;
        let server = serve(&database);
        let nobody = server.client();
        let admin = nobody.login(LOGIN, "admin@example.com", "admin").await;
        Self { nobody, admin, _server: server, database }
    }

    /// An account of its own, logged in. `name` becomes `name@example.com`.
    pub async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let account = json!({"email": email, "password": PASSWORD, "full_name": name});
        let id = id(&self.nobody.post("/api/v2/auth/signup", &account).await.expect(200));
        Person { id, client: self.nobody.login(LOGIN, &email, PASSWORD).await }
    }

    /// A product whose name is its SKU, as it was answered.
    pub async fn product(&self, sku: &str, price_cents: i64, stock: i64) -> Value {
        let product = json!({"sku": sku, "name": sku, "price_cents": price_cents, "stock": stock});
        self.admin.post(PRODUCTS, &product).await.expect(201)
    }

    /// How much of a product is in stock, as everybody is told.
    pub async fn stock(&self, product: i64) -> i64 {
        let product = self.nobody.get(&format!("{PRODUCTS}/{product}")).await.expect(200);
        product["stock"].as_i64().expect("a number")
    }

    /// Adds to the stock of a product, or takes away from it.
    pub async fn adjust(&self, product: i64, delta: i64) -> Answer {
        self.admin.send(self.admin.request(Method::PATCH, &format!("{PRODUCTS}/{product}/stock?delta={delta}"))).await
    }

    /// A number the database tells.
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

    /// Has as many requests answered at once as the service has connections to Postgres, so that they are all open: on a
    /// busy machine opening one may take longer than a request waits for it, and a test that counts answers would see it.
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

/// One more process of the shop, as it were, on the same database.
pub fn serve(database: &TestDatabase) -> TestServer {
    let settings = database.settings();
    let auth: AuthSettings = testkit::settings(&CHEAP);
    let db = Database::new(&settings, "shop").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "shop").expect("the settings are good");
    let needs = Readiness { database: Some(db.clone()), cache: None };
    let description = Description { service: "shop".into(), version: "test".into(), document: shop::DOCUMENT };
    let pipeline = Pipeline::new(db.clone(), None);
    TestServer::start(description, shop::router(Arc::new(ShopService::new(db, accounts, pipeline))), needs, &[])
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
