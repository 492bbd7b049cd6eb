//! Another client, whose ordinary requests must not be affected.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::stranger::{client, log_in, sign_up};
use testkit::system::System;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(20);
/// Its address; the services trust the proxy in front of them.
const ADDRESS: &str = "198.51.100.7";

#[derive(Clone)]
pub struct Other {
    token: String,
    urls: Vec<String>,
    task: i64,
    pub product: i64,
}

impl Other {
    pub async fn prepare(system: &System, http: &Client, urls: &[String]) -> Self {
        let token = sign_up(http, &urls[0], "other").await;
        let post = async |path: &str, body: Value| -> i64 {
            let request = http.post(format!("{}{path}", urls[0])).bearer_auth(&token).json(&body);
            let made: Value = request.send().await.expect("an answer").json().await.expect("JSON");
            made["id"].as_i64().expect("an id")
        };
        let project = post("/api/v1/projects", json!({"title": "The other's"})).await;
        let task = post("/api/v1/tasks", json!({"title": "One task", "project_id": project})).await;
        let sql = "INSERT INTO products (sku, name, price_cents, stock) VALUES ('for-the-other', 'A thing', 1, 0) RETURNING id";
        let product = system.number(sql).await;
        Self { token, urls: urls.to_vec(), task, product }
    }

    /// Sends various requests in turn, with threads of its own, so that it does not wait for the attacker's requests to be
    /// prepared; returns the failures, and the 99th percentile of the times.
    pub fn watch_from_elsewhere(&self, until: Instant) -> JoinHandle<(Vec<String>, Duration)> {
        let other = self.clone();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(other.watch(until))
        })
    }

    async fn watch(&self, until: Instant) -> (Vec<String>, Duration) {
        let http = client();
        let (mut failures, mut times) = (Vec::new(), Vec::new());
        let task = format!("{}/api/v1/tasks/{}", self.urls[0], self.task);
        let requests = [
            ("read of a task", http.get(&task)),
            ("change of a task", http.patch(&task).json(&json!({"status": "Done"}))),
            ("read of a product", http.get(format!("{}/api/v2/products/{}", self.urls[1], self.product))),
            ("list of orders", http.get(format!("{}/api/v2/orders?limit=5", self.urls[1]))),
            ("ranking", http.get(format!("{}/api/p3/analytics/top-paths/optimized", self.urls[2]))),
            ("login", log_in(&http, &self.urls[0], "other")),
            ("page view", http.post(format!("{}/api/p3/page-views", self.urls[2])).json(&json!({"path": "/other"}))),
        ];
        let mut n = 0;
        while times.is_empty() || Instant::now() < until {
            let (what, request) = &requests[n % requests.len()];
            n += 1;
            let request = request.try_clone().expect("it can be sent again").header("x-forwarded-for", ADDRESS);
            let request = if *what == "login" { request } else { request.bearer_auth(&self.token) };
            let begun = Instant::now();
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    let _ = answer.bytes().await;
                }
                Ok(answer) => {
                    let status = answer.status();
                    failures.push(format!("{what}: {status} {}", answer.text().await.unwrap_or_default()));
                }
                Err(error) => failures.push(format!("{what}: {error}")),
            }
            times.push(begun.elapsed());
            sleep(PAUSE).await;
        }
        times.sort();
        (failures, times[(times.len() * 99 / 100).min(times.len() - 1)])
    }
}
