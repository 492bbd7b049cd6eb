//! Users are deleted while they order, pay and cancel: their orders are deleted with them by SQL, and lose their owner when the
//! services delete them, and reserved stock is released.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::crowd::crowd;
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::{dice, size};

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
            // Until it fails because the user is deleted.
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
                    // Paid or cancelled already; or deleted with its owner.
                    Outcome::Refused(400 | 404, _) | Outcome::Unavailable(_) => {}
                    // A user with too many unpaid orders pays first.
                    Outcome::Refused(409, code) if code.starts_with("too_many_unpaid_") => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }));
    let mut remaining: Vec<usize> = (0..users).collect();
    while !remaining.is_empty() {
        sleep(Duration::from_millis(dice.random_range(50..250))).await;
        let gone = remaining.swap_remove(dice.random_range(0..remaining.len()));
        let email = format!("guest-{gone}@example.com");
        while !deleted(&system, &email, gone.is_multiple_of(2)).await {}
    }
    let answered: usize = shopping.await.expect("the shopping ends well").into_iter().sum();
    assert!(answered > 2 * users, "{answered} answers");
    system.comes_to_rest(0).await;
    assert_eq!(system.number("SELECT count(*) FROM orders WHERE user_id IS NOT NULL").await, 0);
    let sold = "SELECT (SELECT count(*) FROM reservations WHERE state = 'held')
        + 400000 - (SELECT sum(stock)::bigint FROM products WHERE sku LIKE 'shared %')
        - (SELECT coalesce(sum(quantity), 0)::bigint FROM reservations WHERE state = 'committed')";
    assert_eq!(system.number(sold).await, 0, "held by nobody, or lost");
}

/// Deletes a user as SQL scripts do, or as the services do; not if a payment has locked in the opposite order.
async fn deleted(system: &System, email: &str, with_orders: bool) -> bool {
    let mut tx = system.db.begin().await.expect("a transaction");
    let lock = sqlx::query_scalar("SELECT id FROM users WHERE email = $1 FOR UPDATE").bind(email);
    let id: i64 = lock.fetch_one(&mut *tx).await.expect("a user");
    if !with_orders {
        let erase = sqlx::query_scalar("SELECT erase_personal_data($1, 100000)").bind(id);
        let erased: sqlx::Result<i64> = erase.fetch_one(&mut *tx).await;
        if let Err(error) = erased {
            assert_eq!(
                error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
                Some("40P01"),
                "{error}"
            );
            return false;
        }
    }
    let delete = sqlx::query("DELETE FROM users WHERE id = $1").bind(id).execute(&mut *tx).await;
    delete.is_ok_and(|deleted| deleted.rows_affected() == 1) && tx.commit().await.is_ok()
}
