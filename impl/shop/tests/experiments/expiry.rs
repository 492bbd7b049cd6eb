//! Reservations expire while they are paid or cancelled: each has one winner.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::RngExt as _;
use tokio::time::sleep;

use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::{dice, size};
use testkit::system::DRAINED;

#[tokio::test(flavor = "multi_thread")]
async fn expiry_payment_and_cancelling_have_one_winner() {
    let pairs: i64 = size(100, 1_000);
    let mut dice = dice();
    let environment = &[("RESERVATION_SECONDS", "5")];
    let plan = Plan { shops: 2, workers: 2, environment, ..Plan::new("expiry") };
    let system = System::start(&plan).await;
    let product = Shopper::admin(&system).await.product("short-lived", 3 * pairs).await;
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;

    let races = (0..pairs).map(|n| {
        let (user, system) = (&user, &system);
        // In waves, so that each is reserved long before it expires.
        let (wave, early) =
            (Duration::from_millis(10 * n.unsigned_abs()), Duration::from_millis(dice.random_range(0..800)));
        async move {
            sleep(wave).await;
            let Outcome::Acked(id) = user.order(None, &[(product, 3)]).await else { panic!("not accepted") };
            let left = time_left(system, id).await;
            // From a moment before it expires until the worker has processed it.
            sleep((left + Duration::from_millis(300)).saturating_sub(early)).await;
            let ask = |path| async move {
                loop {
                    match user.post(&format!("/orders/{id}/{path}"), None, None).await {
                        Outcome::Unavailable(_) => sleep(Duration::from_millis(50)).await,
                        outcome => return outcome,
                    }
                }
            };
            // One in four is cancelled at the same moment as well.
            let told = match n % 4 {
                0 => join_all([ask("pay"), ask("cancel")]).await,
                _ => vec![ask("pay").await],
            };
            (id, told)
        }
    });
    let told = join_all(races).await;
    // Unpaid orders expire.
    let last = Instant::now() + DRAINED;
    while system.orders("RESERVED").await > 0 {
        assert!(Instant::now() < last, "reservations that do not expire");
        sleep(Duration::from_millis(100)).await;
    }
    system.comes_to_rest(0).await;
    let (paid, cancelled) = (system.orders("PAID").await, system.orders("CANCELLED").await);
    println!("{paid} paid, {cancelled} not");
    assert_eq!(paid + cancelled, pairs);
    assert!(paid > 0 && cancelled > 0, "{paid} paid, {cancelled} not: no race");
    for (id, outcomes) in &told {
        let order = user.see(*id).await;
        let winners = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Acked(_))).count();
        assert!(winners <= 1, "order {id}: {outcomes:?}");
        let expected = match outcomes.as_slice() {
            [Outcome::Acked(_), ..] => ("PAID", serde_json::Value::Null),
            [_, Outcome::Acked(_)] => ("CANCELLED", "cancelled_by_user".into()),
            _ => ("CANCELLED", "expired".into()),
        };
        assert_eq!((&order["status"], &order["reason"]), (&expected.0.into(), &expected.1), "{order} {outcomes:?}");
        let refused = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Acked(_)));
        for outcome in refused {
            assert_eq!(*outcome, Outcome::Refused(400, "order_state_conflict".to_owned()));
        }
    }
    let stock = 3 * pairs - 3 * paid;
    assert_eq!(system.number("SELECT stock FROM products WHERE sku = 'short-lived'").await, stock);
}

/// How long an order's reservation still lasts, once it has one.
async fn time_left(system: &System, order: i64) -> Duration {
    let deadline = Instant::now() + DRAINED;
    loop {
        assert!(Instant::now() < deadline, "order {order} is not reserved");
        let sql = "SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM orders WHERE id = $1";
        let left: Option<f64> = sqlx::query_scalar(sql).bind(order).fetch_one(&system.db).await.expect("the order");
        if let Some(left) = left {
            return Duration::from_secs_f64(left.max(0.0));
        }
        sleep(Duration::from_millis(20)).await;
    }
}
