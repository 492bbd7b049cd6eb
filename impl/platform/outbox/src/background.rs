//! What a worker process does with an outbox.

use std::time::Duration;

use platform::{Error, Result, keep};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::handler::Handlers;
use crate::outbox::Outbox;
use crate::worker::Worker;

/// Age of published messages from which on they are checked for loss in the stream.
const GRACE: Duration = Duration::from_secs(2);
/// How often lost messages, the state of the queue and idle consumers are checked.
const REAPER_INTERVAL: Duration = Duration::from_secs(1);
const GAUGES_INTERVAL: Duration = Duration::from_secs(5);
const CONSUMERS_INTERVAL: Duration = Duration::from_secs(600);

impl Outbox {
    /// Has tasks publish messages, handle them, and recover what is lost, until they are told to stop.
    pub fn work(&self, tasks: &mut JoinSet<()>, shutdown: &CancellationToken, handlers: Handlers) {
        keep(tasks, self, shutdown, Self::relay);
        keep(tasks, self, shutdown, move |this, end| Worker::new(this, handlers.clone()).run(end));
        keep(tasks, self, shutdown, |this, end| async move {
            let lost = async || without_redis(this.republish_lost(GRACE).await.map(drop));
            this.0.jobs.job("reaper", REAPER_INTERVAL).every(REAPER_INTERVAL, end, lost).await;
        });
        keep(tasks, self, shutdown, |this, end| async move {
            this.0.jobs.job("outbox gauges", GAUGES_INTERVAL).every(GAUGES_INTERVAL, end, || this.measure()).await;
        });
        keep(tasks, self, shutdown, |this, end| async move {
            let gone = async || without_redis(this.delete_consumers().await);
            this.0.jobs.job("outbox consumers", CONSUMERS_INTERVAL).every(CONSUMERS_INTERVAL, end, gone).await;
        });
    }
}

/// Without Redis what needs it has failed, and nothing stands still by that. What else fails stays as it is.
fn without_redis(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if !matches!(error, Error::Database(_)) && !error.is_unavailable() => {
            tracing::debug!(%error, "outbox job waits for Redis");
            Ok(())
        }
        result => result,
    }
}
