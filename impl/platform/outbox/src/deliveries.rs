//! What is done with what a worker was given: batches of it, and alone what fails or has been delivered too often.

use std::time::Duration;

use platform::{Result, jittered, sql};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::batch::Due;
use crate::failpoints::Failpoint;
use crate::processor::Processor;
use crate::stream::Entry;

/// Most messages of a batch.
pub(crate) const BATCH_SIZE: usize = 200;
/// Entries that were delivered more often are handled alone: one of them may be what killed its workers.
const MAX_DELIVERIES_IN_BATCH: u64 = 3;
/// Entries that were delivered more often are given up. Failures are counted in the database, see [`Processor::count_failure`];
/// this is for messages that do not leave the time to count.
const MAX_DELIVERIES: u64 = 25;
/// Between two attempts while Postgres is unavailable.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// A batch that fails so often although Postgres is available is handled message by message.
const MAX_ATTEMPTS_IN_BATCH: u32 = 5;

impl Processor {
    /// Handles entries again and again while Postgres is unavailable: they stay with this worker, unless another takes them over.
    pub(crate) async fn handle_until_done(&self, entries: Vec<Entry>, shutdown: &CancellationToken) {
        let mut wait = INITIAL_BACKOFF;
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let Err(error) = self.handle(entries.clone()).await else { return };
            failures += 1;
            if !error.is_unavailable()
                || (failures > MAX_ATTEMPTS_IN_BATCH && self.outbox.0.database.ping().await.is_ok())
            {
                return self.process_each(&entries, shutdown).await;
            }
            pause(wait, shutdown).await;
            wait = (wait * 2).min(MAX_BACKOFF);
        }
    }

    /// Handles entries; how many messages are done.
    pub(crate) async fn handle(&self, entries: Vec<Entry>) -> Result<usize> {
        let (mut batch, mut entry_ids) = (Vec::new(), Vec::new());
        let mut suspects = Vec::new();
        for entry in entries {
            match entry.message {
                Ok(_) if entry.deliveries > MAX_DELIVERIES_IN_BATCH => suspects.push(entry),
                Ok(message) => {
                    batch.push(message);
                    entry_ids.push((message, entry.id));
                }
                Err(ref payload) => {
                    self.dead_letter_entry(&entry.id, payload).await?;
                    self.acknowledge(vec![entry.id]).await;
                }
            }
        }
        let mut handled = self.process(batch, entry_ids).await?;
        for entry in suspects {
            let Ok(message) = entry.message else { continue };
            if entry.deliveries > MAX_DELIVERIES {
                let reason = format!("it was delivered {} times and never done", entry.deliveries);
                self.give_up(message, &reason).await?;
                self.acknowledge(vec![entry.id]).await;
            } else {
                handled += self.process_alone(message, entry.id).await?;
            }
        }
        Ok(handled)
    }

    async fn process(&self, mut messages: Vec<i64>, entries: Vec<(i64, String)>) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        messages.sort_unstable();
        messages.dedup();
        let done = self.batch(Due::Ids(messages.into())).await?;
        let finished = entries.into_iter().filter(|(message, _)| !done.busy.contains(message));
        self.acknowledge(finished.map(|(_, entry)| entry).collect()).await;
        Ok(done.messages.len())
    }

    /// Handles one message; if it cannot be, that is counted.
    async fn process_alone(&self, message: i64, entry: String) -> Result<usize> {
        match self.process(vec![message], vec![(message, entry.clone())]).await {
            Err(error) if !error.is_unavailable() => {
                self.count_failure(message, &error).await?;
                self.acknowledge(vec![entry]).await;
                Ok(0)
            }
            result => result,
        }
    }

    async fn process_each(&self, entries: &[Entry], shutdown: &CancellationToken) {
        for entry in entries {
            let Ok(message) = entry.message else { continue };
            let mut wait = INITIAL_BACKOFF;
            while !shutdown.is_cancelled() && self.process_alone(message, entry.id.clone()).await.is_err() {
                pause(wait, shutdown).await;
                wait = (wait * 2).min(MAX_BACKOFF);
            }
        }
    }

    /// As [`Processor::process_each`], without a stream.
    pub(crate) async fn process_due_each(&self, shutdown: &CancellationToken) {
        const SQL: &str = sql!("SELECT id FROM outbox WHERE available_at <= now() ORDER BY id LIMIT $1");
        let due =
            sqlx::query_scalar::<_, i64>(SQL).bind(BATCH_SIZE as i64).fetch_all(self.outbox.0.database.reads()).await;
        for message in due.unwrap_or_default() {
            if shutdown.is_cancelled() {
                return;
            }
            if let Err(error) = self.batch(Due::Ids([message].into())).await
                && (error.is_unavailable() || self.count_failure(message, &error).await.is_err())
            {
                return pause(MAX_BACKOFF, shutdown).await;
            }
        }
    }

    /// Failing does no harm: the entries are delivered again, and found done.
    async fn acknowledge(&self, entries: Vec<String>) {
        let Some(stream) = &self.outbox.0.stream else { return };
        if let Err(error) = stream.acknowledge(&entries).await {
            tracing::debug!(%error, "acknowledging failed");
        }
        if let Err(error) = self.outbox.0.failpoints.hit(Failpoint::BATCH_ACKNOWLEDGED) {
            tracing::debug!(%error, "failed after acknowledging");
        }
    }
}

pub(crate) async fn pause(time: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = sleep(jittered(time)) => {}
        () = shutdown.cancelled() => {}
    }
}
