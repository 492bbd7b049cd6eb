//! Postgres restarts, crashes and is unavailable: the response is 503 and nothing else, and no acknowledged write is lost.

use std::time::{Duration, Instant};

use backends::Server;
use tokio::time::sleep;

use crate::crowd::Load;
use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::scale::size;
use testkit::system::IMPATIENT;

/// How soon orders are accepted again.
const RECOVERED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn postgres_comes_and_goes_and_nothing_acknowledged_is_lost() {
    let away = size(Duration::from_secs(5), Duration::from_secs(15));
    let mut system =
        System::start(&Plan { workers: 2, durable: true, environment: IMPATIENT, ..Plan::new("postgres") }).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    let load = Load::start(&user, 16, product);
    let mut extra = Vec::new();
    for (kill, away) in [(false, Duration::ZERO), (true, Duration::ZERO), (false, away), (true, Duration::ZERO)] {
        sleep(Duration::from_secs(1)).await;
        match kill {
            true => system.kill(Server::Postgres),
            false => system.pause(Server::Postgres),
        }
        sleep(away).await;
        system.resume(Server::Postgres);
        extra.extend(accepted_again(&user, product).await);
    }
    let mut history = load.stop().await;
    extra.into_iter().for_each(|outcome| history.add(outcome));
    assert!(history.ambiguous == 0 && !history.unavailable.is_empty(), "{history:?}");
    system.comes_to_rest(0).await;
    history.holds(&system).await;
}

async fn accepted_again(user: &Shopper, product: i64) -> Vec<Outcome> {
    let (back, mut outcomes) = (Instant::now(), Vec::new());
    while !matches!(outcomes.last(), Some(Outcome::Acked(_))) {
        assert!(back.elapsed() < RECOVERED, "{outcomes:?}");
        outcomes.push(user.order(None, &[(product, 1)]).await);
        sleep(Duration::from_millis(20)).await;
    }
    outcomes
}
