//! Many shoppers, and what they remember: the history that the database is held against afterwards.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::shopper::{Outcome, Shopper};
use crate::system::System;

/// What many shoppers know.
#[derive(Default)]
pub struct History {
    /// Ids of orders that were acknowledged.
    pub acked: HashSet<i64>,
    /// How often there was a 429, 503 or 504, by code.
    pub unavailable: HashMap<String, usize>,
    /// How often there was no answer.
    pub ambiguous: usize,
}

impl History {
    /// Adds what was answered to one order; a rejection is none that these experiments expect.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acked(id) => assert!(self.acked.insert(id), "order {id} was acknowledged to two"),
            Outcome::Unavailable(code) => *self.unavailable.entry(code).or_default() += 1,
            Outcome::Ambiguous => self.ambiguous += 1,
            Outcome::Refused(status, code) => panic!("refused with {status} {code}"),
        }
    }

    /// Everybody was answered, and next to nobody was asked to come again: that a request finds no connection in time is
    /// how an overloaded machine protects itself, and this one may be busy with more than the experiment.
    pub fn served(&self) {
        let again: usize = self.unavailable.values().sum();
        assert!(self.ambiguous == 0 && 100 * again <= self.acked.len(), "{self:?}");
    }

    /// Holds it against the database: what was acknowledged is there, and no more than what may be.
    pub async fn holds(&self, system: &System) {
        let stored: Vec<i64> = sqlx::query_scalar("SELECT id FROM orders").fetch_all(&system.db).await.expect("orders");
        let stored: HashSet<i64> = stored.into_iter().collect();
        let lost: Vec<_> = self.acked.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let unknown = stored.len() - self.acked.len();
        let may_be = self.ambiguous + self.unavailable.values().sum::<usize>();
        assert!(unknown <= may_be, "{unknown} orders nobody knows of, {may_be} answers that were lost");
        println!("{self:?}, {} stored", stored.len());
    }
}

impl fmt::Debug for History {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, unavailable, ambiguous } = self;
        write!(to, "{} acknowledged, {ambiguous} not answered, unavailable: {unavailable:?}", acked.len())
    }
}

/// Shoppers who order one of a product again and again until they are stopped.
pub struct Load {
    stop: CancellationToken,
    shoppers: JoinHandle<Vec<Vec<Outcome>>>,
}

impl Load {
    pub fn start(shopper: &Shopper, connections: usize, product: i64) -> Self {
        let (stop, shopper) = (CancellationToken::new(), shopper.clone());
        let stopped = stop.clone();
        let shoppers = tokio::spawn(crowd(connections, connections, move |_| {
            let (shopper, stopped) = (shopper.clone(), stopped.clone());
            async move {
                let mut outcomes = Vec::new();
                while !stopped.is_cancelled() {
                    outcomes.push(shopper.order(None, &[(product, 1)]).await);
                    // People think; and a machine that is hurt needs some of its time for that.
                    sleep(Duration::from_millis(30)).await;
                }
                outcomes
            }
        }));
        Self { stop, shoppers }
    }

    /// Waits until everybody has been answered; what they know.
    pub async fn stop(self) -> History {
        self.stop.cancel();
        let mut history = History::default();
        let outcomes = self.shoppers.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        outcomes.into_iter().flatten().for_each(|outcome| history.add(outcome));
        history
    }
}

/// Has `connections` shoppers do something `times` times in all; `act` is told the number of each.
pub async fn crowd<T, F>(connections: usize, times: usize, act: impl Fn(usize) -> F + Clone + Send + 'static) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let mut shoppers = JoinSet::new();
    for _ in 0..connections {
        let (next, act) = (Arc::clone(&next), act.clone());
        shoppers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= times {
                    return done;
                }
                done.push(act(n).await);
            }
        });
    }
    let mut all = Vec::with_capacity(times);
    while let Some(done) = shoppers.join_next().await {
        match done {
            Ok(done) => all.extend(done),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    all
}
