//! The reaper: messages the stream has lost are published again, consumers that are gone are deleted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::slices::in_slices;
use platform::{Columns, Error, Result, Transaction, sql};

use crate::failpoints::Failpoint;
use crate::outbox::Outbox;

/// Seconds after which a message is published again whatever the stream looks like: it is handled within half a minute.
const MAX_AGE_SECONDS: f64 = 20.0;
/// Most messages published again by one statement.
const SLICE_SIZE: i64 = 5_000;
/// A consumer that read nothing for this long is gone.
const CONSUMER_IDLE: Duration = Duration::from_secs(600);

impl Outbox {
    /// Has messages published again that should be in the stream and are not: Redis was wiped or restored, or a relay died
    /// at the wrong moment. How many.
    ///
    /// Entries leave the stream when they are acknowledged, and messages leave the outbox before that. So a stream that held
    /// fewer entries than there are messages left which were published at least `grace` ago has lost some. Which ones nobody
    /// knows: all of these go again, and those that were not lost are done only once. Younger entries may hide a loss for a
    /// while; after [`MAX_AGE_SECONDS`] a message goes again in any case.
    ///
    /// # Errors
    /// When Postgres or Redis cannot be used.
    pub async fn republish_lost(&self, grace: Duration) -> Result<u64> {
        const COUNT: &str = sql!(
            "SELECT count(*) AS old, count(*) FILTER (WHERE published_at < now() - make_interval(secs => $2)) AS ancient, now()
             FROM outbox WHERE published_at < now() - make_interval(secs => $1)"
        );
        const AGAIN: &str = sql!("UPDATE outbox SET published_at = NULL WHERE id IN
             (SELECT id FROM outbox WHERE published_at < $1::timestamptz - make_interval(secs => $2) ORDER BY id LIMIT $3
              FOR UPDATE SKIP LOCKED)");
        let Some(stream) = &self.0.stream else { return Ok(0) };
        let seconds = grace.as_secs_f64();
        // Before the messages are counted: what is done in between must not look lost, or whoever has much to do gets all of
        // it a second time.
        let length = stream.len().await;
        let row = sqlx::query(COUNT).bind(seconds).bind(MAX_AGE_SECONDS).fetch_one(self.0.database.reads()).await?;
        let mut columns = Columns::of(&row);
        let (old, ancient): (i64, i64) = (columns.get("old")?, columns.get("ancient")?);
        let now: DateTime<Utc> = columns.get("now")?;
        if old == 0 {
            return Ok(0);
        }
        let lost = usize::try_from(old).unwrap_or(0) > length.map_err(Error::internal)?;
        if !lost && ancient == 0 {
            return Ok(0);
        }
        let age = if lost { seconds } else { MAX_AGE_SECONDS };
        // However much was lost, some of it goes on.
        let again = in_slices(SLICE_SIZE, |most| async move {
            let work = move |mut tx: Transaction| async move {
                let query = sqlx::query(AGAIN).bind(now).bind(age).bind(most);
                Ok(query.execute(&mut *tx).await?.rows_affected())
            };
            let slice = self.0.database.write_once(work).await?;
            self.0.failpoints.hit(Failpoint::LOST_REPUBLISHED)?;
            self.wake();
            Ok(slice)
        })
        .await?;
        if again > 0 {
            tracing::warn!(messages = again, "messages republished");
            self.0.metrics.republished.inc_by(again);
        }
        Ok(again)
    }

    /// Deletes consumers of the stream that are gone: each process of a worker was one.
    ///
    /// # Errors
    /// When Redis cannot be used.
    pub async fn delete_consumers(&self) -> Result<()> {
        match &self.0.stream {
            Some(stream) => stream.delete_consumers(CONSUMER_IDLE).await.map_err(Error::internal),
            None => Ok(()),
        }
    }
}
