//! Payment, cancellation, expiry and reservation at the same time: one winner each, and stock is released once.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;

use crate::world::{ORDERS, Person, World, id};

const PAIRS: usize = 30;

/// Reserved orders, one spoon each.
async fn reserved(world: &World, ada: &Person, stock: i64) -> (i64, Vec<i64>) {
    let spoon = world.product("SPOON", 250, stock).await;
    world.warm_up(id(&spoon)).await;
    let orders = join_all((0..PAIRS).map(|_| ada.order(&spoon, 1))).await;
    world.drain().await;
    (id(&spoon), orders)
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_3_and_7_paying_and_calling_off_have_one_winner() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, orders) = reserved(&world, &ada, 100).await;
    let act =
        async |order: i64, action: &str| ada.client.post_empty(&format!("{ORDERS}/{order}/{action}")).await.status;
    let outcomes = join_all(orders.iter().map(|order| async {
        let order = *order;
        tokio::join!(act(order, "pay"), act(order, "cancel"), act(order, "cancel"), act(order, "pay"))
    }))
    .await;
    let mut sold = 0;
    for (order, (paid, cancelled, again, twice)) in orders.iter().zip(outcomes) {
        let all = [paid, cancelled, again, twice];
        assert_eq!(all.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{all:?}");
        assert_eq!(all.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count(), 3, "{all:?}");
        let paid = paid == StatusCode::OK || twice == StatusCode::OK;
        assert_eq!(ada.status(*order).await, if paid { "PAID" } else { "CANCELLED" });
        sold += i64::from(paid);
    }
    assert_eq!(world.stock(spoon).await, 100 - sold);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_and_expiring_have_one_winner() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, orders) = reserved(&world, &ada, 100).await;
    // They expire one after the other while they are being paid.
    let lapse = "UPDATE orders SET expires_at = now() + id % 30 * interval '3 milliseconds' WHERE status = 'RESERVED'";
    world.database.execute(lapse).await;
    let pay = join_all(orders.iter().map(async |order| {
        tokio::time::sleep(Duration::from_millis(order.unsigned_abs() * 7 % 90)).await;
        ada.client.post_empty(&format!("{ORDERS}/{order}/pay")).await.status
    }));
    let expire = async {
        for _ in 0..30 {
            world.pipeline.expire().await.unwrap();
        }
    };
    let (paid, ()) = tokio::join!(pay, expire);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.pipeline.expire().await.unwrap();
    let mut sold = 0;
    for (order, status) in orders.iter().zip(paid) {
        match status {
            StatusCode::OK => sold += 1,
            status => assert_eq!(status, StatusCode::BAD_REQUEST),
        }
        let now = ada.client.get(&format!("{ORDERS}/{order}")).await.expect(200);
        match status {
            StatusCode::OK => assert_eq!(now["status"], "PAID"),
            _ => assert_eq!((&now["status"], &now["reason"]), (&"CANCELLED".into(), &"expired".into())),
        }
    }
    assert_eq!(world.stock(spoon).await, 100 - sold);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_reservation_cannot_be_paid_before_anybody_noticed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (spoon, orders) = reserved(&world, &ada, 100).await;
    world.database.execute("UPDATE orders SET expires_at = now() - interval '1 millisecond'").await;
    let pay = format!("{ORDERS}/{}/pay", orders[0]);
    ada.client.post_empty(&pay).await.expect_problem(400, "order_state_conflict");
    assert_eq!(world.pipeline.expire().await.unwrap(), PAIRS as u64);
    assert_eq!(world.pipeline.expire().await.unwrap(), 0);
    assert_eq!(world.stock(spoon).await, 100);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calling_off_while_workers_reserve_leaves_nothing_behind() {
    let world = World::with_stream().await;
    // One user alone may not have so many.
    let people = join_all(["ada", "bob", "cyd"].map(|name| world.person(name))).await;
    let spoon = world.product("SPOON", 250, 1000).await;
    world.warm_up(id(&spoon)).await;
    let orders = join_all((0..60_usize).map(|n| people[n % 3].order(&spoon, 2))).await;
    let cancel = join_all(
        orders
            .iter()
            .enumerate()
            .map(async |(n, order)| people[n % 3].client.post_empty(&format!("{ORDERS}/{order}/cancel")).await),
    );
    let (cancelled, (), ()) = tokio::join!(cancel, world.drain(), world.drain());
    assert!(cancelled.iter().all(|answer| answer.status == StatusCode::OK));
    world.drain().await;
    assert_eq!(world.stock(id(&spoon)).await, 1000);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_changed_while_it_is_sold() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let spoon = world.product("SPOON", 250, 0).await;
    world.warm_up(id(&spoon)).await;
    let orders = join_all((0..40).map(|_| ada.order(&spoon, 1)));
    let adjust = join_all((0..40).map(|n| world.adjust(id(&spoon), if n % 2 == 0 { 2 } else { -1 })));
    let (orders, adjusted, ()) = tokio::join!(orders, adjust, world.drain());
    world.drain().await;
    let change: i64 = adjusted
        .iter()
        .enumerate()
        .filter(|(_, answer)| answer.status == StatusCode::OK)
        .map(|(n, _)| if n % 2 == 0 { 2 } else { -1 })
        .sum();
    let mut held = 0;
    for order in &orders {
        held += i64::from(ada.status(*order).await == "RESERVED");
    }
    assert_eq!(world.stock(id(&spoon)).await, change - held);
    world.verify().await;
}
