//! From the outbox to the stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use platform::{Database, Error, Result, jittered, sql};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::failpoints::Failpoint;
use crate::outbox::Outbox;

/// Most messages of one round.
const BATCH_SIZE: i64 = 500;
/// While the stream is longer than this, messages stay where they are safe.
const MAX_STREAM_LENGTH: usize = 50_000;
/// What came without a wake-up is found after this long.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Between two rounds, so that under load a round has many messages.
const MIN_DELAY: Duration = Duration::from_millis(5);
/// After a failure.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl Outbox {
    /// Puts messages that are due into the stream; how many.
    ///
    /// They are marked as published first: one statement decides between relays, and no connection to Postgres waits for
    /// Redis. What is marked and then lost is found by [`Outbox::republish_lost`].
    ///
    /// # Errors
    /// When Postgres or Redis cannot be used; the messages stay due.
    pub async fn publish(&self) -> Result<usize> {
        let Some(stream) = &self.0.stream else { return Ok(0) };
        let messages = claim(&self.0.database).await?;
        self.0.failpoints.hit(Failpoint::RELAY_CLAIMED)?;
        if messages.is_empty() {
            return Ok(0);
        }
        let appended = stream.append(&messages).await;
        match appended {
            Ok(length) => {
                self.0.failpoints.hit(Failpoint::RELAY_PUBLISHED)?;
                self.0.metrics.published.inc_by(messages.len() as u64);
                self.0.stream_is_full.store(length > MAX_STREAM_LENGTH, Ordering::Relaxed);
                Ok(messages.len())
            }
            Err(error) => {
                self.0.failpoints.hit(Failpoint::RELAY_REJECTED)?;
                unmark(&self.0.database, messages).await?;
                Err(platform::Error::internal(error))
            }
        }
    }

    /// Publishes until it is told to stop.
    pub async fn relay(self, shutdown: CancellationToken) {
        if self.0.stream.is_none() {
            return;
        }
        let job = self.0.jobs.job("relay", RETRY_DELAY);
        let mut failing = false;
        while !shutdown.is_cancelled() {
            let published = self.publish().await;
            match &published {
                Err(error) if matches!(error, Error::Database(_)) || error.is_unavailable() => job.failed(error),
                // Without Redis messages wait where workers look for them, too.
                _ => job.succeeded(),
            }
            let pause = match published {
                Ok(_) if self.stream_is_full() => RETRY_DELAY,
                Ok(published) => {
                    failing = false;
                    if published == usize::try_from(BATCH_SIZE).unwrap_or(usize::MAX) {
                        MIN_DELAY
                    } else {
                        POLL_INTERVAL
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "publishing failed, messages stay in the outbox");
                    }
                    RETRY_DELAY
                }
            };
            sleep(MIN_DELAY).await;
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(jittered(pause)) => {}
                () = self.0.woken.notified(), if pause == POLL_INTERVAL => {}
            }
        }
        // What can still be published is not left behind.
        let _ = self.publish().await;
    }

    fn stream_is_full(&self) -> bool {
        self.0.stream_is_full.swap(false, Ordering::Relaxed)
    }
}

async fn claim(database: &Database) -> Result<Vec<i64>> {
    const SQL: &str = sql!(
        "WITH due AS (
             SELECT id FROM outbox WHERE published_at IS NULL AND available_at <= now() ORDER BY id LIMIT $1
             FOR UPDATE SKIP LOCKED
         ), claimed AS (
             UPDATE outbox o SET published_at = clock_timestamp() FROM due WHERE o.id = due.id RETURNING o.id
         ) SELECT id FROM claimed ORDER BY id"
    );
    database
        .write_once(|mut tx| async move { Ok(sqlx::query_scalar(SQL).bind(BATCH_SIZE).fetch_all(&mut *tx).await?) })
        .await
}

async fn unmark(database: &Database, messages: Vec<i64>) -> Result<()> {
    const SQL: &str = sql!("UPDATE outbox SET published_at = NULL WHERE id = ANY($1)");
    database
        .write_once(|mut tx| async move {
            sqlx::query(SQL).bind(messages).execute(&mut *tx).await?;
            Ok(())
        })
        .await
}
