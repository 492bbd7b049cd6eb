//! Users are deleted while they order, pay and call off: their orders go, and what those held is in stock again.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::scale::{dice, size};
use crate::shopper::{Outcome, Shopper, crowd};
use crate::system::{Plan, System};

#[tokio::test(flavor = "multi_thread")]
async fn what_deleted_users_have_reserved_is_in_stock_again() {
    let users = size(12, 60);
    let mut dice = dice();
    let system = System::start(&Plan { workers: 2, ..Plan::new("departures") }).await;
    let admin = Shopper::admin(&system).await;
    let mut products = Vec::new();
    for n in 0..4 {
        products.push(admin.product(&format!("shared {n}"), 100_000).await);
    }
    let mut shoppers = Vec::new();
    for n in 0..users {
        shoppers.push(Shopper::guest(&system, &format!("guest-{n}@example.com")).await);
    }
    let seed: u64 = dice.random();
    let shopping = tokio::spawn(crowd(users, users, move |n| {
        let (user, products) = (shoppers[n].clone(), products.clone());
        let mut dice = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
        async move {
            let mut orders = Vec::new();
            // Until one is not known any more.
            loop {
                let two: Vec<(i64, i64)> = products.sample(&mut dice, 2).map(|id| (*id, 1)).collect();
                let how = if dice.random() { "pay" } else { "cancel" };
                let outcome = match orders.choose(&mut dice) {
                    Some(order) if dice.random_bool(0.3) => {
                        user.post(&format!("/orders/{order}/{how}"), None, None).await
                    }
                    _ => user.order(None, &two).await,
                };
                match outcome {
                    Outcome::Acked(id) => orders.push(id),
                    Outcome::Refused(401, _) => return orders.len(),
                    // Paid or called off already; or just gone with its owner.
                    Outcome::Refused(400 | 404, _) | Outcome::Unavailable(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }));
    let mut remaining: Vec<usize> = (0..users).collect();
    while !remaining.is_empty() {
        sleep(Duration::from_millis(dice.random_range(50..250))).await;
        let gone = remaining.swap_remove(dice.random_range(0..remaining.len()));
        let delete = sqlx::query("DELETE FROM users WHERE email = $1").bind(format!("guest-{gone}@example.com"));
        let deleted = delete.execute(&system.db).await.expect("a user is deleted").rows_affected();
        assert_eq!(deleted, 1);
    }
    let answered: usize = shopping.await.expect("the shopping ends well").into_iter().sum();
    assert!(answered > 2 * users, "{answered} answers");
    system.comes_to_rest(0).await;
    assert_eq!(system.number("SELECT count(*) FROM orders").await, 0);
    let sold = "SELECT (SELECT count(*) FROM reservations WHERE state = 'held')
        + 400000 - (SELECT sum(stock)::bigint FROM products WHERE sku LIKE 'shared %')
        - (SELECT coalesce(sum(quantity), 0)::bigint FROM reservations WHERE state = 'committed')";
    assert_eq!(system.number(sold).await, 0, "held by nobody, or lost");
}
