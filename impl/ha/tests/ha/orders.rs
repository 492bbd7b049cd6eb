//! Clients that order with an Idempotency-Key: some repeat until they have an id, the others ask once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde_json::{Value, json};
use testkit::deployment::Deployment;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::pace::{PATIENCE, THINK, dice_of};
use crate::record::{Outcome, Record};

/// The name under which responses are recorded.
pub const KIND: &str = "order";

/// What the clients know, by key.
#[derive(Default)]
pub struct Orders {
    acked: HashMap<String, i64>,
    refused: HashSet<String>,
    unknown: HashSet<String>,
}

/// Where and what.
#[derive(Clone)]
pub struct Shop {
    pub client: testkit::Client,
    pub product: i64,
}

impl Shop {
    /// At the process of this URL: the superuser, who has no quotas, and a product with much stock.
    pub async fn open(url: String) -> Self {
        let nobody = testkit::Client::new(url);
        let client = nobody.login("/api/v2/auth/login/access-token", "admin@example.com", "admin").await;
        let product = json!({"sku": "plenty", "name": "plenty", "price_cents": 100, "stock": 1_000_000});
        let product = client.post("/api/v2/products", &product).await.expect(201)["id"].as_i64().expect("an id");
        Self { client, product }
    }

    /// Sends an order, once.
    pub async fn order(&self, record: &Record, key: &str) -> Outcome {
        let body: Value = json!({"items": [{"product_id": self.product, "quantity": 1}]});
        let request = self.client.request(http::Method::POST, "/api/v2/orders").header("Idempotency-Key", key);
        record.send(KIND, request.json(&body)).await
    }
}

/// One client, until it is stopped and its last order has an outcome.
pub async fn run(shop: Shop, n: usize, record: Record, orders: Arc<Mutex<Orders>>, end: CancellationToken) {
    let mut dice = dice_of(n);
    for i in 0.. {
        if end.is_cancelled() {
            return;
        }
        let key = format!("order-{n}-{i}");
        let repeats = dice.random_bool(0.5);
        // Of one that was unknown once a later rejection does not say that it was not done.
        let (mut was_unknown, begun) = (false, Instant::now());
        loop {
            let outcome = shop.order(&record, &key).await;
            let mut known = orders.lock().expect("nobody panics here");
            match outcome {
                Outcome::Acked(_, order) => {
                    known.acked.insert(key, order["id"].as_i64().expect("an id"));
                    break;
                }
                Outcome::NothingDone if !repeats => {
                    known.refused.insert(key);
                    break;
                }
                Outcome::Unknown if !repeats => {
                    known.unknown.insert(key);
                    break;
                }
                // Anything but that the first is still in progress is in the record as unexpected.
                Outcome::Rejected | Outcome::NothingDone => {}
                Outcome::Unknown => was_unknown = true,
            }
            if begun.elapsed() > PATIENCE {
                let list = if was_unknown { &mut known.unknown } else { &mut known.refused };
                list.insert(key);
                break;
            }
            drop(known);
            sleep(Duration::from_millis(100)).await;
        }
        sleep(THINK).await;
    }
}

impl Orders {
    /// Holds it against the database.
    pub async fn hold(&self, deployment: &Deployment, shop: &Shop, record: &Record) {
        let sql = "SELECT key, (convert_from(body, 'UTF8')::json ->> 'id')::bigint FROM idempotency_keys WHERE key LIKE 'order-%'";
        let stored: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&deployment.db).await.expect("the keys");
        let stored: HashMap<String, i64> = stored.into_iter().collect();
        let ids: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM orders").fetch_all(&deployment.db).await.expect("the orders");
        let ids: HashSet<i64> = ids.into_iter().collect();
        println!(
            "orders: {} acknowledged, {} rejected, {} unknown, {} stored",
            self.acked.len(),
            self.refused.len(),
            self.unknown.len(),
            ids.len()
        );
        let lost: Vec<_> =
            self.acked.iter().filter(|(key, id)| stored.get(*key) != Some(id) || !ids.contains(id)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let done: Vec<_> = self.refused.iter().filter(|key| stored.contains_key(*key)).collect();
        assert!(done.is_empty(), "rejected and stored: {done:?}");
        let known = |key: &&String| self.acked.contains_key(*key) || self.unknown.contains(*key);
        assert_eq!(stored.keys().find(|key| !known(key)), None, "a key that nobody sent");
        let by_key: HashSet<i64> = stored.values().copied().collect();
        assert_eq!(
            (by_key.len(), &by_key),
            (stored.len(), &ids),
            "each key has an order of its own, and each order a key"
        );
        for (key, id) in self.acked.iter().take(50) {
            let Outcome::Acked(_, order) = shop.order(record, key).await else { panic!("{key} has no response now") };
            assert_eq!(order["id"].as_i64(), Some(*id), "{key} repeated is another order");
        }
    }
}
