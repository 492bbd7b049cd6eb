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
pub(crate) const BATCH: usize = 200;
/// Entries that were delivered more often are handled alone: one of them may be what killed its workers.
const DELIVERIES_TOGETHER: u64 = 3;
/// Entries that were delivered more often are given up. Failures are counted in the database, see [`Processor::count_failure`];
/// this is for messages that do not leave the time to count.
const MOST_DELIVERIES: u64 = 25;
/// Between two attempts while Postgres is unavailable.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A batch that Postgres refuses so often although it answers is taken apart.
const ATTEMPTS_TOGETHER: u32 = 5;

impl Processor {
    /// Handles entries again and again while Postgres is unavailable: they stay with this worker, unless another takes them over.
    pub(crate) async fn handle_until_done(&self, entries: Vec<Entry>, shutdown: &CancellationToken) {
        let mut wait = FIRST_PAUSE;
        let mut refused = 0;
        while !shutdown.is_cancelled() {
            let Err(error) = self.handle(entries.clone()).await else { return };
            refused += 1;
            if !error.is_unavailable() || (refused > ATTEMPTS_TOGETHER && self.outbox.0.database.ping().await.is_ok()) {
                return self.each_alone(&entries, shutdown).await;
            }
            pause(wait, shutdown).await;
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }

    /// Handles entries; how many messages are done.
    pub(crate) async fn handle(&self, entries: Vec<Entry>) -> Result<usize> {
        let (mut batch, mut names) = (Vec::new(), Vec::new());
        let mut suspects = Vec::new();
        for entry in entries {
            match entry.message {
                Ok(_) if entry.deliveries > DELIVERIES_TOGETHER => suspects.push(entry),
                Ok(message) => {
                    batch.push(message);
                    names.push((message, entry.id));
                }
                Err(ref payload) => {
                    self.dead_letter_entry(&entry.id, payload).await?;
                    self.acknowledge(vec![entry.id]).await;
                }
            }
        }
        let mut handled = self.named(batch, names).await?;
        for entry in suspects {
            let Ok(message) = entry.message else { continue };
            if entry.deliveries > MOST_DELIVERIES {
                let reason = format!("it was delivered {} times and never done", entry.deliveries);
                self.give_up(message, &reason).await?;
                self.acknowledge(vec![entry.id]).await;
            } else {
                handled += self.alone(message, entry.id).await?;
            }
        }
        Ok(handled)
    }

    async fn named(&self, mut messages: Vec<i64>, entries: Vec<(i64, String)>) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        messages.sort_unstable();
        messages.dedup();
        let done = self.batch(Due::Named(messages.into())).await?;
        let finished = entries.into_iter().filter(|(message, _)| !done.busy.contains(message));
        self.acknowledge(finished.map(|(_, entry)| entry).collect()).await;
        Ok(done.messages.len())
    }

    /// Handles one message; if it cannot be, that is counted.
    async fn alone(&self, message: i64, entry: String) -> Result<usize> {
        match self.named(vec![message], vec![(message, entry.clone())]).await {
            Err(error) if !error.is_unavailable() => {
                self.count_failure(message, &error).await?;
                self.acknowledge(vec![entry]).await;
                Ok(0)
            }
            result => result,
        }
    }

    async fn each_alone(&self, entries: &[Entry], shutdown: &CancellationToken) {
        for entry in entries {
            let Ok(message) = entry.message else { continue };
            let mut wait = FIRST_PAUSE;
            while !shutdown.is_cancelled() && self.alone(message, entry.id.clone()).await.is_err() {
                pause(wait, shutdown).await;
                wait = (wait * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// As [`Processor::each_alone`], without a stream.
    pub(crate) async fn one_by_one(&self, shutdown: &CancellationToken) {
        const SQL: &str = sql!("SELECT id FROM outbox WHERE available_at <= now() ORDER BY id LIMIT $1");
        let due = sqlx::query_scalar::<_, i64>(SQL).bind(BATCH as i64).fetch_all(self.outbox.0.database.reads()).await;
        for message in due.unwrap_or_default() {
            if shutdown.is_cancelled() {
                return;
            }
            if let Err(error) = self.batch(Due::Named([message].into())).await
                && (error.is_unavailable() || self.count_failure(message, &error).await.is_err())
            {
                return pause(LONGEST_PAUSE, shutdown).await;
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
