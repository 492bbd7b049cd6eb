//! The permission matrix of the document, and proof that it finds defects.

mod defects;

use std::time::Duration;

use permission_matrix::{Fixture, Relations, Report, Request, run};
use serde_json::{Value, json};
use shop::{DOCUMENT, ShopService, WorkerService};
use testkit::pages::id;
use testkit::{Client, Setup, TestRedis, TestService};
use tokio::time::timeout;

use crate::world::{AT_LAST, ORDERS, PRODUCTS};

/// How objects are made.
struct Objects;

impl Fixture for Objects {
    async fn make(&self, service: &TestService, administrator: &Client, kind: &str, people: &Relations) -> Value {
        match kind {
            "product" => product(administrator).await["id"].clone(),
            "order" => {
                let product = product(administrator).await;
                reserved(&service.nobody.with_token(&people.get("owner").token), &product).await.into()
            }
            // There is none in the API: messages get there on which workers gave up.
            "dead_letter" => {
                const SQL: &str = "INSERT INTO dead_letters (order_id, topic, payload, reason, attempts)
                    VALUES (NULL, 'made', '{}', 'for a test', 1) RETURNING id";
                let letter = sqlx::query_scalar::<_, i64>(SQL).fetch_one(&mut service.database.connect().await).await;
                letter.expect("Postgres answers").into()
            }
            kind => panic!("{kind} is not made here"),
        }
    }

    fn amend(&self, operation: &str, request: &mut Request, number: usize) {
        if operation == "create_product"
            && let Some(body) = &mut request.body
        {
            body["sku"] = format!("SKU-{number}").into();
        }
    }
}

async fn product(administrator: &Client) -> Value {
    let sku = format!("MADE-{:x}", rand::random::<u64>());
    let product = json!({"sku": sku, "name": "Made", "price_cents": 1, "stock": 9});
    administrator.post(PRODUCTS, &product).await.expect(201)
}

/// An order that can be paid and cancelled.
async fn reserved(owner: &Client, product: &Value) -> i64 {
    let order = json!({"items": [{"product_id": product["id"], "quantity": 1}]});
    let order = id(&owner.post(ORDERS, &order).await.expect(201));
    let path = format!("{ORDERS}/{order}");
    let wait = async {
        while owner.get(&path).await.expect(200)["status"] != "RESERVED" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(AT_LAST, wait).await.expect("it is reserved in the end");
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_as_the_document_says() {
    matrix(start(Setup::default()).await).await.expect_no_faults("shop");
}

/// The shop with a worker, which reserves what is ordered.
async fn start(setup: Setup) -> TestService {
    let setup = Setup { redis: Some(TestRedis::new()), ..setup };
    let service = TestService::start_with::<ShopService>("shop", DOCUMENT, setup).await;
    service.run::<ShopService>("shop");
    service.run::<WorkerService>("worker");
    service
}

async fn matrix(service: TestService) -> Report {
    let document = service.document().clone();
    run(service, document, Objects, false).await
}
