//! Somebody who orders, and what came of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::system::System;

/// A request's deadline in the server, and the two seconds within which its response must arrive.
pub const DEADLINE: Duration = Duration::from_secs(12);
/// How long a shopper without a response retries.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client knows about the outcome of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done: 2xx, with the id of the order.
    Acked(i64),
    /// It was not done: a 4xx and its code.
    Refused(u16, String),
    /// 503 or 504: it was not done, unless the response to a commit was lost. Or 429, for a shopper that waits for more places
    /// than it may have: it was not done.
    Unavailable(String),
    /// No response.
    Ambiguous,
}

/// A logged-in user, at one or more processes of the shop.
#[derive(Clone)]
pub struct Shopper {
    http: Client,
    token: String,
    bases: Arc<RwLock<Vec<String>>>,
    turn: Arc<AtomicUsize>,
}

/// Connections of a pool of six that one user may hold.
const SHARE: i64 = 4;

impl Shopper {
    /// The demo user.
    pub async fn user(system: &System) -> Self {
        Self::login(system, "user@example.com", "user").await
    }

    /// The demo superuser, who has no quotas and may stand for many shoppers.
    pub async fn admin(system: &System) -> Self {
        Self::login(system, "admin@example.com", "admin").await
    }

    /// A new user.
    pub async fn guest(system: &System, email: &str) -> Self {
        let account = json!({"email": email, "password": "correct horse"});
        let nobody = testkit::Client::new(system.shops[0].url());
        nobody.post("/api/v2/auth/signup", &account).await.expect(200);
        Self::login(system, email, "correct horse").await
    }

    async fn login(system: &System, email: &str, password: &str) -> Self {
        let bases: Vec<String> = system.shops.iter().map(testkit::process::Process::url).collect();
        // A service closes connections that are idle for five seconds, perhaps just when one is reused.
        let http = Client::builder().timeout(2 * DEADLINE).pool_idle_timeout(Duration::from_secs(3));
        let http = http.build().expect("an HTTP client");
        let nobody = testkit::Client::new(bases[0].clone());
        let user = nobody.login("/api/v2/auth/login/access-token", email, password).await;
        let token = user.token().expect("it is logged in").to_owned();
        Self { http, token, bases: Arc::new(RwLock::new(bases)), turn: Arc::default() }
    }

    /// The same user at another address.
    pub fn at(&self, base: String) -> Self {
        Self { bases: Arc::new(RwLock::new(vec![base])), ..self.clone() }
    }

    /// The same user with a new connection for each request.
    pub fn unpooled(&self) -> Self {
        let http = Client::builder().timeout(2 * DEADLINE).pool_max_idle_per_host(0).build().expect("an HTTP client");
        Self { http, ..self.clone() }
    }

    /// A request to the processes in turn.
    pub fn request(&self, method: http::Method, path: &str) -> RequestBuilder {
        let bases = self.bases.read().expect("nobody panics here");
        let base = &bases[self.turn.fetch_add(1, Ordering::Relaxed) % bases.len()];
        self.http.request(method, format!("{base}/api/v2{path}")).bearer_auth(&self.token)
    }

    /// POST, and its outcome.
    pub async fn post(&self, path: &str, key: Option<&str>, body: Option<&Value>) -> Outcome {
        let mut request = self.request(http::Method::POST, path);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let asked = Instant::now();
        let outcome = read(request.send().await).await;
        let took = asked.elapsed();
        assert!(took <= DEADLINE, "{path} took {took:?}: {outcome:?}");
        outcome
    }

    /// Orders quantities of products, once.
    pub async fn order(&self, key: Option<&str>, lines: &[(i64, i64)]) -> Outcome {
        self.post("/orders", key, Some(&basket(lines))).await
    }

    /// Orders with a key, and retries until there is a response; the order's id.
    pub async fn order_surely(&self, key: &str, lines: &[(i64, i64)]) -> i64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.order(Some(key), lines).await {
                Outcome::Acked(id) => return id,
                Outcome::Refused(409, code) if code == "idempotency_in_flight" => {}
                Outcome::Refused(status, code) => panic!("{key}: {status} {code}"),
                Outcome::Unavailable(_) | Outcome::Ambiguous => {}
            }
            assert!(Instant::now() < deadline, "{key}: no answer within {PATIENCE:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Orders a missing product until the processes have opened all connections for writes that one user may have: on a busy
    /// machine opening one may take longer than the timeout of a request, which an experiment that allows next to no 503 would
    /// notice.
    pub async fn warm_up(&self, system: &System) {
        let nothing = basket(&[(999_999_999, 1)]);
        let (deadline, wanted) = (Instant::now() + PATIENCE, SHARE * i64::try_from(system.shops.len()).expect("a few"));
        let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop-writes'";
        loop {
            let mut outcomes = join_all((0..64).map(|_| self.post("/orders", None, Some(&nothing)))).await;
            outcomes.retain(|outcome| !matches!(outcome, Outcome::Refused(404, _)));
            if outcomes.is_empty() && system.number(open).await >= wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{outcomes:?}");
        }
    }

    /// A new product with this stock; its id.
    pub async fn product(&self, sku: &str, stock: i64) -> i64 {
        let product = json!({"sku": sku, "name": sku, "price_cents": 100, "stock": stock});
        match self.post("/products", None, Some(&product)).await {
            Outcome::Acked(id) => id,
            other => panic!("{sku}: {other:?}"),
        }
    }

    /// Adjusts the stock of a product, unless there is too little.
    pub async fn adjust(&self, product: i64, delta: i64) {
        let path = format!("/products/{product}/stock?delta={delta}");
        match read(self.request(http::Method::PATCH, &path).send().await).await {
            Outcome::Acked(_) | Outcome::Unavailable(_) => {}
            Outcome::Refused(409, code) if code == "insufficient_stock" => {}
            other => panic!("{path}: {other:?}"),
        }
    }

    /// The current state of an order.
    pub async fn see(&self, order: i64) -> Value {
        let answer = self.request(http::Method::GET, &format!("/orders/{order}")).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.expect("an order")
    }
}

/// The body of an order.
pub fn basket(lines: &[(i64, i64)]) -> Value {
    let items: Vec<_> = lines.iter().map(|(id, quantity)| json!({"product_id": id, "quantity": quantity})).collect();
    json!({"items": items})
}

/// The outcome from a response, or that there is none.
pub async fn read(answer: reqwest::Result<Response>) -> Outcome {
    match answer {
        Ok(response) => outcome(response).await.unwrap_or(Outcome::Ambiguous),
        Err(_) => Outcome::Ambiguous,
    }
}

/// Asserts that a 5xx is a deliberate 503 or 504, and that every error response is a problem document with its own status.
async fn outcome(response: Response) -> reqwest::Result<Outcome> {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(Outcome::Acked(json["id"].as_i64().unwrap_or_else(|| panic!("{text}"))));
    }
    assert_eq!(
        headers.get("content-type").map(http::HeaderValue::as_bytes),
        Some(&b"application/problem+json"[..]),
        "{text}"
    );
    assert_eq!(json["status"], status.as_u16(), "{text}");
    let code = json["code"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned();
    if status == StatusCode::TOO_MANY_REQUESTS && headers.contains_key("retry-after") {
        return Ok(Outcome::Unavailable(code));
    }
    if status.is_server_error() {
        assert!(matches!(status.as_u16(), 503 | 504), "{text}");
        assert!(status == StatusCode::GATEWAY_TIMEOUT || headers.contains_key("retry-after"), "{text}");
        return Ok(Outcome::Unavailable(code));
    }
    Ok(Outcome::Refused(status.as_u16(), code))
}
