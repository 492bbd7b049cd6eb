//! Orders as their owners meet them: what is accepted, what is refused, what is shown.

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{ORDERS, PRODUCTS, World, id, ids, with_query};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_remembers_what_was_bought() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, fork) = (world.product("SPOON", 250, 10).await, world.product("FORK", 300, 10).await);
    let items = json!({"items": [
        {"product_id": fork["id"], "quantity": 1}, {"product_id": spoon["id"], "quantity": 2},
        {"product_id": fork["id"], "quantity": 3},
    ]});
    let answer = ada.client.post(ORDERS, &items).await;
    assert_eq!(answer.header("location"), format!("{ORDERS}/{}", answer.json["id"]));
    let order = answer.expect(201);
    assert_eq!(
        (&order["status"], &order["reason"], &order["expires_at"]),
        (&json!("PENDING"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&order["user_id"], &order["total_cents"], &order["currency"]),
        (&json!(ada.id), &json!(1700), &json!("USD"))
    );
    // Lines of one product are one line; the first mention gives its place.
    let line = |item: &Value| {
        (item["product_id"].clone(), item["sku"].clone(), item["quantity"].clone(), item["unit_price_cents"].clone())
    };
    let lines: Vec<_> = order["items"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            (fork["id"].clone(), json!("FORK"), json!(4), json!(300)),
            (spoon["id"].clone(), json!("SPOON"), json!(2), json!(250)),
        ]
    );
    // Whatever becomes of the products, the order stays what it was.
    let path = format!("{PRODUCTS}/{}", fork["id"]);
    world.admin.patch(&path, &json!({"name": "Other", "sku": "OTHER", "price_cents": 1})).await.expect(200);
    world.drain().await;
    world.admin.delete(&path).await.expect(204);
    let later = ada.client.get(&format!("{ORDERS}/{}", order["id"])).await.expect(200);
    assert_eq!((&later["items"], &later["total_cents"]), (&order["items"], &order["total_cents"]));
    assert_eq!(later["status"], "RESERVED");
    assert!(later["expires_at"].as_str() > later["updated_at"].as_str(), "{later}");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ordered_is_refused() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let dear = world.product("DEAR", 4_000_000_000, 10).await;
    let euro = json!({"sku": "EURO", "name": "E", "price_cents": 5, "currency": "EUR", "stock": 5});
    let euro = world.admin.post(PRODUCTS, &euro).await.expect(201);
    let gone = world.product("GONE", 1, 1).await;
    world.admin.delete(&format!("{PRODUCTS}/{}", gone["id"])).await.expect(204);
    let order = async |items: Value| ada.client.post(ORDERS, &json!({ "items": items })).await;
    let one = |product: &Value, quantity: i64| json!({"product_id": product["id"], "quantity": quantity});

    order(json!([one(&gone, 1)])).await.expect_problem(404, "product_not_found");
    order(json!([one(&spoon, 1), {"product_id": 999_999, "quantity": 1}]))
        .await
        .expect_problem(404, "product_not_found");
    order(json!([one(&spoon, 1), one(&euro, 1)])).await.expect_problem(409, "mixed_currencies");
    order(json!([one(&dear, i64::from(i32::MAX))])).await.expect_problem(409, "order_total_too_large");
    let sum: Vec<Value> = (0..100).map(|_| one(&dear, i64::from(i32::MAX))).collect();
    order(json!(sum)).await.expect_problem(409, "order_total_too_large");
    order(json!([])).await.expect_invalid("#/items");
    order(json!([one(&spoon, 0)])).await.expect_invalid("#/items/0/quantity");
    order(json!([one(&spoon, -3)])).await.expect_invalid("#/items/0/quantity");
    order(json!([{"product_id": spoon["id"], "quantity": 1e300}])).await.expect_invalid("#/items/0/quantity");
    order(json!([{"product_id": 0, "quantity": 1}])).await.expect_invalid("#/items/0/product_id");
    let forced = json!({"items": [one(&spoon, 1)], "status": "PAID", "total_cents": 0});
    ada.client.post(ORDERS, &forced).await.expect_problem(422, "validation_failed");
    world.nobody.post(ORDERS, &json!({"items": [one(&spoon, 1)]})).await.expect_problem(401, "missing_token");
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 0);
    assert_eq!(world.number("SELECT count(*) FROM outbox").await, 0);
    // More than there is can be ordered; it fails later.
    order(json!([one(&spoon, 11)])).await.expect(201);
    world.drain().await;
    assert_eq!(world.number("SELECT count(*) FROM orders WHERE reason = 'insufficient_stock'").await, 1);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_moves_along_its_states_only() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 5).await;
    let conflict = async |order: i64, action: &str| {
        ada.client.post_empty(&format!("{ORDERS}/{order}/{action}")).await.expect_problem(400, "order_state_conflict");
    };
    let act =
        async |order: i64, action: &str| ada.client.post_empty(&format!("{ORDERS}/{order}/{action}")).await.expect(200);

    let order = ada.order(&spoon, 2).await;
    conflict(order, "pay").await;
    world.drain().await;
    assert_eq!(world.stock(id(&spoon)).await, 3);
    let paid = act(order, "pay").await;
    assert_eq!((&paid["status"], &paid["expires_at"]), (&json!("PAID"), &Value::Null));
    conflict(order, "pay").await;
    conflict(order, "cancel").await;
    assert_eq!(world.stock(id(&spoon)).await, 3);

    let order = ada.order(&spoon, 3).await;
    world.drain().await;
    assert_eq!(world.stock(id(&spoon)).await, 0);
    let cancelled = act(order, "cancel").await;
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("CANCELLED"), &json!("cancelled_by_user")));
    // At once, not some time later.
    assert_eq!(world.stock(id(&spoon)).await, 3);
    conflict(order, "pay").await;
    conflict(order, "cancel").await;

    // Called off before a worker has seen it: nothing was taken, nothing comes back.
    let order = ada.order(&spoon, 3).await;
    act(order, "cancel").await;
    world.drain().await;
    assert_eq!(world.stock(id(&spoon)).await, 3);
    assert_eq!(ada.status(order).await, "CANCELLED");

    let order = ada.order(&spoon, 4).await;
    world.drain().await;
    assert_eq!(ada.status(order).await, "FAILED");
    conflict(order, "pay").await;
    conflict(order, "cancel").await;
    let timeline = ada.client.get(&format!("{ORDERS}/{order}/timeline")).await.expect(200);
    let kinds: Vec<_> = timeline.as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["created", "failed"]);
    assert_eq!(timeline[1]["reason"], "insufficient_stock");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_9_lists_are_ordered_bounded_and_counted() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let products = [world.product("A", 100, 50).await, world.product("B", 70, 5).await];
    let mut orders = Vec::new();
    for n in 0..23_i64 {
        orders.push(ada.order(&products[usize::from(n % 3 == 0)], 1 + n % 4).await);
    }
    world.drain().await;
    let all = ada.client.get(&format!("{ORDERS}?limit=100&count=true")).await;
    assert_eq!(all.header("x-total-count"), "23");
    assert_eq!(ids(&all.expect(200)), orders);
    for sort in ["id", "-id", "created_at", "-created_at", "total_cents", "-total_cents"] {
        let whole = ada.client.get(&format!("{ORDERS}?limit=100&sort={sort}")).await.expect(200);
        let (mut pages, mut query) = (Vec::new(), format!("?limit=7&sort={sort}"));
        loop {
            let page = ada.client.get(&format!("{ORDERS}{query}")).await;
            let next = page.header("x-next-cursor").to_owned();
            pages.extend(page.expect(200).as_array().unwrap().clone());
            if next.is_empty() {
                break;
            }
            query = format!("?limit=7&sort={sort}&cursor={next}");
        }
        assert_eq!(json!(pages), whole, "{sort}");
    }
    let failed = ada.client.get(&format!("{ORDERS}?status=FAILED&status=PAID")).await.expect(200);
    assert!(!failed.as_array().unwrap().is_empty());
    assert!(failed.as_array().unwrap().iter().all(|order| order["status"] == "FAILED"), "{failed}");
    for (query, pointer) in
        [("skip=-1", "#/skip"), ("limit=0", "#/limit"), ("limit=1000000", "#/limit"), ("status=LOST", "#/status/0")]
    {
        ada.client.get(&format!("{ORDERS}?{query}")).await.expect_invalid(pointer);
    }
    let after = ada.client.get(&format!("{ORDERS}/{}", orders[10])).await.expect(200);
    let after = with_query(ORDERS, &[("created_after", after["created_at"].as_str().unwrap())]);
    assert_eq!(ids(&ada.client.get(&after).await.expect(200)), orders[10..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_reads_of_an_order() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 5).await;
    let path = format!("{ORDERS}/{}", ada.order(&spoon, 1).await);
    let tag = ada.client.get(&path).await.header("etag").to_owned();
    let again =
        async || ada.client.send(ada.client.request(http::Method::GET, &path).header("if-none-match", &tag)).await;
    assert_eq!(again().await.status, StatusCode::NOT_MODIFIED);
    world.drain().await;
    assert_eq!(again().await.status, StatusCode::OK);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever is ordered, in whatever order: totals and lines are what was asked for, and nothing is taken that is not
    /// there.
    #[test]
    fn orders_add_up(orders in prop::collection::vec(prop::collection::vec((0_usize..3, 1_i64..6), 1..5), 1..8)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let ada = world.person("ada").await;
            let mut products = Vec::new();
            for (n, price) in [3_i64, 50, 1999].into_iter().enumerate() {
                products.push((world.product(&format!("P{n}"), price, 10).await, price));
            }
            for lines in &orders {
                let items: Vec<Value> = lines.iter().map(|(n, quantity)| json!({"product_id": products[*n].0["id"], "quantity": quantity})).collect();
                let order = ada.client.post(ORDERS, &json!({ "items": items })).await.expect(201);
                let total: i64 = lines.iter().map(|(n, quantity)| products[*n].1 * quantity).sum();
                assert_eq!(order["total_cents"], total);
            }
            world.drain().await;
            world.verify().await;
        });
    }
}
