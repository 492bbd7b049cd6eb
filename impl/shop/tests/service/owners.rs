//! Whose an order is: nobody else sees it, and what becomes of it when its owner goes.

use serde_json::json;

use crate::world::{ORDERS, World, ask, id, ids, with_query};

#[tokio::test(flavor = "multi_thread")]
async fn defect_2_orders_of_others_are_not_there() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let spoon = world.product("SPOON", 250, 5).await;
    let order = ada.order(&spoon, 1).await;
    world.drain().await;
    let missing =
        [("GET", ""), ("POST", "/pay"), ("POST", "/cancel"), ("GET", "/timeline"), ("GET", "/events?seconds=1")];
    for (method, path) in missing {
        let of = async |order: i64| {
            let (at, query) = path.split_once('?').map_or((path, ""), |(at, query)| (at, query));
            ask(&bob.client, method, &format!("{ORDERS}/{order}{at}?{query}"), None).await
        };
        let (anothers, none) = (of(order).await, of(999_999).await);
        anothers.clone().expect_problem(404, "order_not_found");
        assert_eq!(anothers.without_request_id(), none.without_request_id(), "{path}");
    }
    for query in [vec![], vec![("user_id", ada.id.to_string())], vec![("status", "RESERVED".into())]] {
        let pairs: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(bob.client.get(&with_query(ORDERS, &pairs)).await.expect(200), json!([]));
    }
    let counted = bob.client.get(&format!("{ORDERS}?count=true")).await;
    assert_eq!(counted.header("x-total-count"), "0");
    // A superuser sees them all, and may act on them.
    assert_eq!(ids(&world.admin.get(&format!("{ORDERS}?user_id={}", ada.id)).await.expect(200)), [order]);
    assert_eq!(ada.status(order).await, "RESERVED");
    world.admin.post_empty(&format!("{ORDERS}/{order}/cancel")).await.expect(200);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_with_their_user_and_stock_comes_back() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, fork) = (world.product("SPOON", 250, 5).await, world.product("FORK", 1, 5).await);
    let both =
        json!({"items": [{"product_id": fork["id"], "quantity": 2}, {"product_id": spoon["id"], "quantity": 1}]});
    let paid = id(&ada.client.post(ORDERS, &both).await.expect(201));
    ada.client.post(ORDERS, &both).await.expect(201);
    world.drain().await;
    ada.client.post_empty(&format!("{ORDERS}/{paid}/pay")).await.expect(200);
    let waiting = ada.order(&spoon, 1).await;
    world.database.execute(&format!("DELETE FROM users WHERE id = {}", ada.id)).await;
    // What was sold stays sold; what was held is back; what waited is forgotten.
    assert_eq!((world.stock(id(&spoon)).await, world.stock(id(&fork)).await), (4, 3));
    world.drain().await;
    assert_eq!(world.number("SELECT count(*) FROM orders").await, 0);
    assert_eq!(world.number(&format!("SELECT count(*) FROM dead_letters WHERE order_id = {waiting}")).await, 0);
    world.verify().await;
}

/// As the services delete an account, see `DELETE /users/{user_id}`.
#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_deleted_account_are_nobodys() {
    for slice in [1, 1_000] {
        let world = World::new().await;
        let ada = world.person("ada").await;
        let spoon = world.product("SPOON", 250, 9).await;
        let (paid, held) = (ada.order(&spoon, 1).await, ada.order(&spoon, 2).await);
        world.drain().await;
        ada.client.post_empty(&format!("{ORDERS}/{paid}/pay")).await.expect(200);
        let waiting = ada.order(&spoon, 3).await;
        let mut sold = ada.client.get(&format!("{ORDERS}/{paid}")).await.expect(200);
        sold["user_id"] = json!(null);
        let keyed =
            ada.client.request(http::Method::POST, &format!("{ORDERS}/{held}/cancel")).header("idempotency-key", "k");
        let erase = format!("SELECT erase_personal_data({}, {slice})", ada.id);
        if slice > 1 {
            assert_eq!(ada.client.send(keyed).await.status, 200);
        }
        while world.number(&erase).await == slice {
            world.verify_now().await;
        }
        world.database.execute(&format!("DELETE FROM users WHERE id = {}", ada.id)).await;
        let seen = async |order: i64| world.admin.get(&format!("{ORDERS}/{order}")).await.expect(200);
        assert_eq!(seen(paid).await, sold);
        for order in [held, waiting] {
            let order = seen(order).await;
            assert_eq!((&order["status"], &order["user_id"]), (&json!("CANCELLED"), &json!(null)));
            let timeline = world.admin.get(&format!("{ORDERS}/{}/timeline", order["id"])).await.expect(200);
            assert_eq!(timeline.as_array().expect("a list").last().expect("an event")["kind"], "cancelled");
        }
        assert_eq!(world.stock(id(&spoon)).await, 8);
        let listed = world.admin.get(&format!("{ORDERS}?user_id={}", ada.id)).await.expect(200);
        assert_eq!(ids(&listed), [0; 0]);
        world.drain().await;
        world.verify().await;
    }
}
