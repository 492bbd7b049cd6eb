//! Stock changes by differences, within its limits, and the ledger adds up to it.

use std::collections::HashMap;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::world::{PRODUCTS, World, id};

const MOST: i64 = 1_000_000_000;

/// The sum of a product's ledger.
async fn booked(world: &World, product: i64) -> i64 {
    let sql = format!("SELECT coalesce(sum(quantity), 0)::bigint FROM stock_entries WHERE product_id = {product}");
    world.number(&sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_add_up() {
    let world = World::new().await;
    let product = world.product("COUNTED", 1, 5).await;
    let mut before = product.clone();
    for (delta, stock) in [(10, 15), (-15, 0), (1, 1), (0, 1), (-1, 0), (0, 0)] {
        let after = world.adjust(id(&product), delta).await.expect(200);
        assert_eq!(after["stock"], stock);
        assert_eq!(after["updated_at"] == before["updated_at"], delta == 0, "nothing more or less is no change");
        before = after;
    }
    assert_eq!((world.stock(id(&product)).await, booked(&world, id(&product)).await), (0, 0));
    let entries = format!("SELECT count(*) FROM stock_entries WHERE product_id = {} AND quantity = 0", id(&product));
    assert_eq!(world.number(&entries).await, 0, "and is not booked");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_ends_at_zero_and_at_the_limit() {
    let world = World::new().await;
    let product = id(&world.product("LIMITED", 1, 3).await);
    world.adjust(product, -4).await.expect_problem(409, "insufficient_stock");
    world.adjust(product, -MOST).await.expect_problem(409, "insufficient_stock");
    world.adjust(product, MOST - 2).await.expect_problem(409, "stock_limit");
    world.adjust(product, MOST).await.expect_problem(409, "stock_limit");
    assert_eq!((world.stock(product).await, booked(&world, product).await), (3, 3), "what is refused is not booked");
    assert_eq!(world.adjust(product, MOST - 3).await.expect(200)["stock"], MOST);
    world.adjust(product, 1).await.expect_problem(409, "stock_limit");
    assert_eq!(world.adjust(product, -MOST).await.expect(200)["stock"], 0);
    assert_eq!(booked(&world, product).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_orders_hold_finds_room_when_it_comes_back() {
    let world = World::new().await;
    let made = world.product("HELD", 1, MOST).await;
    let product = id(&made);
    let order = world.stored_order("RESERVED", None, &made, 400).await;
    assert_eq!(world.stock(product).await, MOST - 400);
    world.adjust(product, 1).await.expect_problem(409, "stock_limit");
    // A decrease never exceeds the limit.
    world.adjust(product, -5).await.expect(200);
    world.adjust(product, 5).await.expect(200);
    world.adjust(product, 1).await.expect_problem(409, "stock_limit");
    world.database.execute(&format!("SELECT release_stock(ARRAY[{order}]::bigint[])")).await;
    let shown = world.nobody.get(&format!("{PRODUCTS}/{product}")).await.expect(200);
    assert_eq!(shown["stock"], MOST);
    assert_eq!(booked(&world, product).await, MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_100_takers_as_many_succeed_as_there_is_stock() {
    let world = World::new().await;
    let product = id(&world.product("SCARCE", 1, 37).await);
    world.warm_up(product).await;
    let answers = join_all((0..100).map(|_| world.adjust(product, -1))).await;
    let mut statuses: HashMap<u16, usize> = HashMap::new();
    for answer in answers {
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        if answer.status.as_u16() != 200 {
            answer.expect_problem(409, "insufficient_stock");
        }
    }
    assert_eq!(statuses, HashMap::from([(200, 37), (409, 63)]));
    assert_eq!((world.stock(product).await, booked(&world, product).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_100_changes_at_once_the_ledger_is_the_stock() {
    let world = World::new().await;
    let product = id(&world.product("BUSY", 1, 10).await);
    world.warm_up(product).await;
    let deltas: Vec<i64> = (0..100).map(|n| [7, -5, 3, -9][n % 4]).collect();
    let answers = join_all(deltas.iter().map(|delta| world.adjust(product, *delta))).await;
    let done: i64 = deltas.iter().zip(&answers).filter(|(_, a)| a.status.as_u16() == 200).map(|(delta, _)| delta).sum();
    for (delta, answer) in deltas.iter().zip(answers) {
        match answer.status.as_u16() {
            200 => assert!(answer.json["stock"].as_i64() >= Some(0)),
            _ => assert!(*delta < 0 && answer.expect_problem(409, "insufficient_stock").json.is_object()),
        }
    }
    assert_eq!(world.stock(product).await, 10 + done);
    assert_eq!(booked(&world, product).await, 10 + done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_booked_as_what_it_is() {
    let world = World::new().await;
    let product = world.product("KINDS", 1, 9).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    let adjust = async |query: &str| {
        world.admin.send(world.admin.request(Method::PATCH, &format!("{path}/stock?{query}"))).await
    };
    for query in ["delta=3&kind=receive", "delta=2&kind=adjust", "delta=-1", "delta=-4&kind=receive"] {
        adjust(query).await.expect(200);
    }
    let ledger = world.admin.get(&format!("{path}/ledger")).await.expect(200);
    let booked: Vec<(&Value, &Value)> =
        ledger.as_array().expect("a list").iter().map(|entry| (&entry["kind"], &entry["quantity"])).collect();
    let expected = [("adjust", -4), ("adjust", -1), ("adjust", 2), ("receive", 3), ("receive", 9)];
    assert_eq!(json!(booked), json!(expected), "having less of something is no receipt");

    for (query, pointer) in [
        ("", "#/delta"),
        ("delta=", "#/delta"),
        ("delta=1.5", "#/delta"),
        ("delta=one", "#/delta"),
        ("delta=1000000001", "#/delta"),
        ("delta=-1000000001", "#/delta"),
        ("delta=99999999999999999999", "#/delta"),
        ("delta=1&kind=release", "#/kind"),
        ("delta=1&kind=Receive", "#/kind"),
    ] {
        adjust(query).await.expect_invalid(pointer);
    }
    assert_eq!(world.stock(id(&product)).await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_that_is_set_is_booked_as_the_difference() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 10).await;
    let path = format!("{PRODUCTS}/{}", spoon["id"]);
    ada.order(&spoon, 4).await;
    world.drain().await;
    let set = async |body: Value| world.admin.patch(&path, &body).await;
    assert_eq!(set(json!({"stock": 20, "name": "Ladle"})).await.expect(200)["stock"], 20);
    assert_eq!(set(json!({"stock": 20})).await.expect(200)["name"], "Ladle");
    assert_eq!(set(json!({"stock": 0})).await.expect(200)["stock"], 0);
    let ledger = world.admin.get(&format!("{path}/ledger")).await.expect(200);
    let entries: Vec<_> =
        ledger.as_array().unwrap().iter().map(|entry| (entry["kind"].clone(), entry["quantity"].clone())).collect();
    let booked = |kind: &str, quantity: i64| (json!(kind), json!(quantity));
    assert_eq!(entries, [booked("adjust", -20), booked("adjust", 14), booked("reserve", -4), booked("receive", 10)]);
    set(json!({"stock": -1})).await.expect_invalid("#/stock");
    set(json!({"stock": 1_000_000_000})).await.expect_problem(409, "stock_limit");
    world.verify().await;
}
