//! Somebody else, who does ordinary things and must not notice.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::sign_up;
use crate::system::System;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(20);

pub struct Other {
    http: Client,
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
        Self { http: http.clone(), token, urls: urls.to_vec(), task, product }
    }

    /// Asks in turn for this and that; what failed, and how long the slowest took.
    pub async fn watch(&self, until: Instant) -> (Vec<String>, Duration) {
        let (mut failures, mut slowest) = (Vec::new(), Duration::ZERO);
        let task = format!("{}/api/v1/tasks/{}", self.urls[0], self.task);
        let requests = [
            ("read of a task", self.http.get(&task)),
            ("change of a task", self.http.patch(&task).json(&json!({"status": "Done"}))),
            ("read of a product", self.http.get(format!("{}/api/v2/products/{}", self.urls[1], self.product))),
            ("list of orders", self.http.get(format!("{}/api/v2/orders?limit=5", self.urls[1]))),
            ("ranking", self.http.get(format!("{}/api/p3/analytics/top-paths/optimized", self.urls[2]))),
            (
                "page view",
                self.http.post(format!("{}/api/p3/page-views", self.urls[2])).json(&json!({"path": "/other"})),
            ),
        ];
        let mut n = 0;
        while Instant::now() < until {
            let (what, request) = &requests[n % requests.len()];
            n += 1;
            let request = request.try_clone().expect("it can be sent again").bearer_auth(&self.token);
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
            slowest = slowest.max(begun.elapsed());
            sleep(PAUSE).await;
        }
        (failures, slowest)
    }
}
