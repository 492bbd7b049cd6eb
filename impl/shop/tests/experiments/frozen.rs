//! Processes that are stopped for a while and then continue as if no time had passed: others do not wait for them for long, and
//! work that was taken over is not repeated.

use std::time::Duration;

use backends::process::Signal;
use tokio::time::sleep;

use crate::crowd::Load;
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::size;

/// Longer than the limits of an idle transaction, and of pending stream entries.
const STILL: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_up_does_nothing_again() {
    let system = System::start(&Plan { workers: 2, ..Plan::new("frozen") }).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    user.warm_up(&system).await;
    let load = Load::start(&user, 16, product);
    let mut between = Vec::new();
    for n in 0..size(1, 10) {
        sleep(Duration::from_millis(500)).await;
        let sleeper = &system.workers[n % 2];
        sleeper.signal(Signal::SIGSTOP);
        sleep(STILL).await;
        // The other worker has taken over its messages, and its locks are released.
        let Outcome::Acked(order) = user.order(None, &[(product, 1)]).await else { panic!("not accepted") };
        system.until_decided(order).await;
        between.push(Outcome::Acked(order));
        sleeper.signal(Signal::SIGCONT);
    }
    let mut history = load.stop().await;
    between.into_iter().for_each(|outcome| history.add(outcome));
    assert_eq!(history.ambiguous, 0, "{history:?}");
    system.comes_to_rest(0).await;
    history.holds(&system).await;
    assert_eq!(system.orders("RESERVED").await, system.number("SELECT count(*) FROM orders").await);
}
