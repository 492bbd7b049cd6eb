//! What a worker process does with an outbox.

use std::time::Duration;

use platform::{Error, Result, keep};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::handler::Handlers;
use crate::outbox::Outbox;
use crate::worker::Worker;

/// How long a message may be away before one asks whether the stream has lost it.
const GRACE: Duration = Duration::from_secs(2);
/// How often lost messages, the state of the queue and consumers that are gone are looked for.
const LOST: Duration = Duration::from_secs(1);
const GAUGES: Duration = Duration::from_secs(5);
const CONSUMERS: Duration = Duration::from_secs(600);

impl Outbox {
    /// Has tasks handle messages, publish them, and look after what is lost, until they are told to stop.
    pub fn work(&self, tasks: &mut JoinSet<()>, shutdown: &CancellationToken, handlers: Handlers) {
        keep(tasks, self, shutdown, Self::relay);
        keep(tasks, self, shutdown, move |outbox, end| Worker::new(outbox, handlers.clone()).run(end));
        self.every(tasks, shutdown, "reaper", LOST, |outbox| async move {
            without_redis(outbox.republish_lost(GRACE).await.map(drop))
        });
        self.every(tasks, shutdown, "outbox gauges", GAUGES, |outbox| async move { outbox.measure().await });
        self.every(tasks, shutdown, "outbox consumers", CONSUMERS, |outbox| async move {
            without_redis(outbox.delete_consumers().await)
        });
    }

    /// Has a task of its own do something now and then.
    fn every<F>(
        &self,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
        name: &'static str,
        interval: Duration,
        work: fn(Self) -> F,
    ) where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        keep(tasks, self, shutdown, move |outbox, end| {
            outbox.0.jobs.job(name, interval).every(interval, end, move || work(outbox.clone()))
        });
    }
}

/// Redis may be away: who needs it has failed, and nothing stands still by that. What else fails stays as it is.
fn without_redis(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if !matches!(error, Error::Database(_)) && !error.is_unavailable() => {
            tracing::debug!(%error, "outbox job waits for Redis");
            Ok(())
        }
        result => result,
    }
}
