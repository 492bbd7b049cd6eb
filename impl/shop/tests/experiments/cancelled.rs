//! Clients that disconnect during their orders: acknowledged orders are stored, and nothing is left incomplete.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::timeout;

use crate::crowd::{History, crowd};
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::{dice, size};

/// Sessions with a transaction that was begun and abandoned.
const FORGOTTEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '2 seconds'";

#[tokio::test(flavor = "multi_thread")]
async fn orders_whose_client_hangs_up_are_whole_or_not_there() {
    let orders = size(800, 10_000);
    let seed: u64 = dice().random();
    let system = System::start(&Plan::new("cancelled")).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;
    let (hasty, key) = (user.unpooled(), |n: usize| format!("cancelled-{n}"));
    let outcomes = crowd(32, orders, move |n| {
        let hasty = hasty.clone();
        let mut dice = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
        async move {
            // Some wait for the response, however slow the machine is.
            let most = if n % 10 == 9 { 10_000_000..=10_000_000 } else { 0..=50_000 };
            let patience = Duration::from_micros(dice.random_range(most));
            // Half of them will retry.
            let key = n.is_multiple_of(2).then(|| key(n));
            let asked = timeout(patience, hasty.order(key.as_deref(), &[(product, 1)])).await;
            (n, asked.unwrap_or(Outcome::Ambiguous))
        }
    })
    .await;
    let mut history = History::default();
    let mut keyed = HashMap::new();
    for (n, outcome) in outcomes {
        match (&outcome, n.is_multiple_of(2)) {
            (Outcome::Acked(id), true) => drop(keyed.insert(n, *id)),
            (_, true) => {}
            _ => history.add(outcome),
        }
    }
    let (acked, hung_up) = (history.acked.len() + keyed.len(), history.ambiguous);
    assert!(
        acked > orders / 50 && hung_up > orders / 50,
        "{acked} acknowledged, {hung_up} hung up: too few to mean anything"
    );
    for n in (0..orders).step_by(2) {
        let id = user.order_surely(&key(n), &[(product, 1)]).await;
        assert_eq!(*keyed.entry(n).or_insert(id), id, "the same key, another order");
        history.add(Outcome::Acked(id));
    }
    assert_eq!(system.number(FORGOTTEN).await, 0);
    system.comes_to_rest(0).await;
    history.holds(&system).await;
}
