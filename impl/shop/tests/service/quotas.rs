//! The quotas of a user's unpaid orders, also with concurrent requests.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{ORDERS, Person, World, id};

async fn order(client: &Client, product: &Value, quantity: i64) -> Answer {
    client.post(ORDERS, &json!({"items": [{"product_id": product["id"], "quantity": quantity}]})).await
}

/// Places so many orders at once, with retries while the service is busy; returns those accepted, and the codes of those
/// rejected.
async fn storm(person: &Person, product: &Value, times: usize, quantity: i64) -> (Vec<i64>, Vec<String>) {
    let surely = async || loop {
        let answer = order(&person.client, product, quantity).await;
        if answer.status != 503 {
            return answer;
        }
    };
    let (made, refused): (Vec<_>, Vec<_>) =
        join_all((0..times).map(|_| surely())).await.into_iter().partition(|answer| answer.status == 201);
    let codes = refused.iter().map(|answer| answer.json["code"].as_str().expect("a code").to_owned());
    (made.iter().map(|answer| id(&answer.json)).collect(), codes.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_only_so_many_unpaid_orders() {
    let world = World::new().await;
    let (ada, bob) = tokio::join!(world.person("ada"), world.person("bob"));
    let (spoon, fork) = (world.product("SPOON", 250, 500).await, world.product("FORK", 1, 500).await);
    world.warm_up(id(&spoon)).await;
    let (made, refused) = storm(&ada, &spoon, 80, 1).await;
    assert_eq!((made.len(), refused), (50, vec!["too_many_unpaid_orders".to_owned(); 30]));
    let refused = order(&ada.client, &fork, 1).await.expect_problem(409, "too_many_unpaid_orders");
    assert_eq!(refused.json["detail"], "The maximum is 50 orders of one user that are not paid.");
    order(&bob.client, &spoon, 1).await.expect(201);
    world.drain().await;
    // Reserved is not paid; paid, cancelled and expired orders make room.
    order(&ada.client, &spoon, 1).await.expect_problem(409, "too_many_unpaid_orders");
    ada.client.post_empty(&format!("{ORDERS}/{}/pay", made[0])).await.expect(200);
    ada.client.post_empty(&format!("{ORDERS}/{}/cancel", made[1])).await.expect(200);
    world.database.execute(&format!("UPDATE orders SET expires_at = now() WHERE id = {}", made[2])).await;
    assert_eq!(world.pipeline.expire().await.expect("Postgres answers"), 1);
    assert_eq!(storm(&ada, &spoon, 10, 1).await.0.len(), 3);
    world.drain().await;
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_holds_only_so_much_of_a_product() {
    let world = World::new().await;
    let (ada, bob) = tokio::join!(world.person("ada"), world.person("bob"));
    let (spoon, fork) = (world.product("SPOON", 250, 1_000).await, world.product("FORK", 1, 1_000).await);
    world.warm_up(id(&spoon)).await;
    const OF_ONE: &str = "too_many_unpaid_units_of_product";
    order(&ada.client, &spoon, 51).await.expect_problem(409, OF_ONE);
    let twice =
        json!({"items": [{"product_id": spoon["id"], "quantity": 30}, {"product_id": spoon["id"], "quantity": 30}]});
    ada.client.post(ORDERS, &twice).await.expect_problem(409, OF_ONE);
    let (made, refused) = storm(&ada, &spoon, 20, 8).await;
    assert_eq!((made.len(), refused), (6, vec![OF_ONE.to_owned(); 14]));
    order(&ada.client, &spoon, 3).await.expect_problem(409, OF_ONE);
    order(&ada.client, &spoon, 2).await.expect(201);
    order(&ada.client, &fork, 50).await.expect(201);
    let both =
        json!({"items": [{"product_id": fork["id"], "quantity": 1}, {"product_id": spoon["id"], "quantity": 1}]});
    ada.client.post(ORDERS, &both).await.expect_problem(409, OF_ONE);
    order(&bob.client, &spoon, 50).await.expect(201);
    world.drain().await;
    assert_eq!((world.stock(id(&spoon)).await, world.stock(id(&fork)).await), (900, 950));
    // And there is a limit for everything together.
    let (cup, mug, jug) =
        (world.product("CUP", 1, 900).await, world.product("MUG", 1, 900).await, world.product("JUG", 1, 900).await);
    order(&ada.client, &cup, 50).await.expect(201);
    let all = json!({"items": [{"product_id": mug["id"], "quantity": 26}, {"product_id": jug["id"], "quantity": 25}]});
    ada.client.post(ORDERS, &all).await.expect_problem(409, "too_many_unpaid_units");
    order(&ada.client, &mug, 50).await.expect(201);
    order(&ada.client, &jug, 1).await.expect_problem(409, "too_many_unpaid_units");
    // Superusers have no quotas.
    order(&world.admin, &spoon, 501).await.expect(201);
    // A missing product is reported first.
    let missing = json!({"id": 999_999});
    order(&ada.client, &missing, 1_000).await.expect_problem(404, "product_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_orders_only_so_often_in_a_day() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let orders = format!(
        "INSERT INTO orders (user_id, status, reason, total_cents, created_at)
         SELECT {}, 'CANCELLED', 'cancelled_by_user', 1, now() - interval '23 hours' FROM generate_series(1, 1000)",
        ada.id
    );
    world.database.execute(&orders).await;
    order(&ada.client, &spoon, 1).await.expect_problem(409, "too_many_orders");
    world
        .database
        .execute(&format!(
            "UPDATE orders SET created_at = now() - interval '24 hours'
             WHERE id = (SELECT min(id) FROM orders WHERE user_id = {})",
            ada.id
        ))
        .await;
    order(&ada.client, &spoon, 1).await.expect(201);
    order(&ada.client, &spoon, 1).await.expect_problem(409, "too_many_orders");
}
