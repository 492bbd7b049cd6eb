//! Processes shut down under load: they finish the requests in progress, and exit successfully.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::crowd::{History, crowd};
use crate::shopper::{Outcome, Shopper, basket};
use crate::system::{Plan, System};
use testkit::process::is_reset;
use testkit::scale::{dice, size};

const CONNECTIONS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_in_flight_fails_when_a_process_is_asked_to_stop() {
    let times = size(5, 50);
    let mut dice = dice();
    let mut system = System::start(&Plan { workers: 2, ..Plan::new("shutdown") }).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    // With a connection for each order, only one that was never accepted can be reset.
    let user = Shopper::admin(&system).await.unpooled();
    user.warm_up(&system).await;

    let (stop, refused) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let (stopped, turned_away) = (stop.clone(), Arc::clone(&refused));
    let reset = Arc::new(AtomicUsize::new(0));
    let greeted = Arc::clone(&reset);
    let shopping = tokio::spawn(crowd(CONNECTIONS, CONNECTIONS, move |_| {
        let (user, stopped, refused) = (user.clone(), stopped.clone(), Arc::clone(&turned_away));
        let reset = Arc::clone(&greeted);
        async move {
            let mut history = Vec::new();
            while !stopped.is_cancelled() {
                match order(&user, product).await {
                    Ok(outcome) => history.push(outcome),
                    Err(error) if is_reset(&error) => drop(reset.fetch_add(1, Ordering::Relaxed)),
                    // No connection could be opened: that is not a request in progress.
                    Err(_) => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(20)).await;
                    }
                }
            }
            history
        }
    }));
    for n in 0..times {
        sleep(Duration::from_millis(dice.random_range(200..600))).await;
        let shop = system.shops[0].stop().await;
        assert!(shop.success(), "the shop ended with {shop}");
        let worker = system.workers[n % 2].stop().await;
        assert!(worker.success(), "the worker ended with {worker}");
        system.shops[0].start();
        system.workers[n % 2].start();
        system.ready().await;
    }
    stop.cancel();
    let mut history = History::default();
    shopping.await.expect("the shopping ends well").into_iter().flatten().for_each(|outcome| history.add(outcome));
    // Between the last check and the end of the socket the kernel may accept one more. If a request in progress had been reset,
    // there would be orders that no client knows of.
    assert!(reset.load(Ordering::Relaxed) <= times, "{reset:?} reset in {times} times");
    assert_eq!(history.ambiguous, 0, "requests in flight failed: {history:?}");
    assert!(refused.load(Ordering::Relaxed) > 0, "nobody met a closed door: {history:?}");
    system.comes_to_rest(0).await;
    history.holds(&system).await;
}

/// One order; the error when no connection could be opened, or when it was reset.
async fn order(user: &Shopper, product: i64) -> Result<Outcome, reqwest::Error> {
    let request = user.request(http::Method::POST, "/orders").json(&basket(&[(product, 1)]));
    match request.send().await {
        Err(error) if error.is_connect() || is_reset(&error) => Err(error),
        answer => Ok(crate::shopper::read(answer).await),
    }
}
