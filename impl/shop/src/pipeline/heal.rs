//! What time does: messages the stream has lost are published again, reservations nobody paid are given back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::slices::in_slices;
use platform::{Columns, Error, Result, Transaction, sql};

use super::Pipeline;
use super::failpoints::Failpoint;

/// Seconds after which a message is published again whatever the stream looks like. An order is decided within half a minute.
const ANCIENT: f64 = 20.0;
/// Most messages published again by one statement.
const REPUBLISHED: i64 = 5_000;
/// Most reservations given back by one statement.
const EXPIRIES: i64 = 200;

impl Pipeline {
    /// Has messages published again that should be in the stream and are not: Redis was wiped or restored, or a relay died
    /// at the wrong moment. How many.
    ///
    /// Entries leave the stream when they are acknowledged, and messages leave the outbox before that. So a stream that held
    /// fewer entries than there are messages left which were published at least `grace` ago has lost some. Which ones nobody
    /// knows: all of these go again, and those that were not lost are done only once. Younger entries may hide a loss for a
    /// while; after [`ANCIENT`] a message goes again in any case.
    ///
    /// # Errors
    /// When Postgres or Redis cannot be used.
    pub async fn heal(&self, grace: Duration) -> Result<u64> {
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
        let row = sqlx::query(COUNT).bind(seconds).bind(ANCIENT).fetch_one(self.0.database.reads()).await?;
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
        let age = if lost { seconds } else { ANCIENT };
        // However much was lost, some of it goes on.
        let again = in_slices(REPUBLISHED, |most| async move {
            let work = move |mut tx: Transaction| async move {
                let query = sqlx::query(AGAIN).bind(now).bind(age).bind(most);
                Ok(query.execute(&mut *tx).await?.rows_affected())
            };
            let slice = self.0.database.write_once(work).await?;
            self.0.failpoints.hit(Failpoint::LossHealed)?;
            self.wake();
            Ok(slice)
        })
        .await?;
        if again > 0 {
            tracing::warn!(messages = again, "messages are published again");
            self.0.metrics.republished.inc_by(again);
        }
        Ok(again)
    }

    /// Gives back what expired reservations hold; how many orders.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn expire(&self) -> Result<u64> {
        // Whoever is paid or called off at this moment is locked, and decides by himself.
        const SQL: &str = sql!(
            "WITH due AS (
                 SELECT id FROM orders WHERE status = 'RESERVED' AND expires_at <= now() ORDER BY expires_at LIMIT $1
                 FOR NO KEY UPDATE SKIP LOCKED
             ), o AS (
                 UPDATE orders SET status = 'CANCELLED', reason = 'expired', updated_at = clock_timestamp()
                 FROM due WHERE orders.id = due.id RETURNING orders.id
             ), told AS (
                 INSERT INTO order_events (order_id, kind, status, reason)
                 SELECT id, 'expired', 'CANCELLED', 'expired' FROM o
             ), ids AS (SELECT array_agg(id ORDER BY id) AS ids FROM o)
             SELECT ids, release_stock(ids)::text FROM ids"
        );
        in_slices(EXPIRIES, |most| async move {
            let failpoints = std::sync::Arc::clone(&self.0.failpoints);
            let ids = self
                .0
                .database
                .write(move |mut tx| async move {
                    let row = sqlx::query(SQL).bind(most).fetch_one(&mut *tx).await?;
                    let ids: Option<Vec<i64>> = Columns::of(&row).get("ids")?;
                    failpoints.hit(Failpoint::ExpiryWritten)?;
                    Ok(ids.unwrap_or_default())
                })
                .await?;
            self.0.failpoints.hit(Failpoint::ExpiryCommitted)?;
            self.announce(&ids);
            self.0.metrics.decided("expired", ids.len() as u64);
            Ok(ids.len() as u64)
        })
        .await
    }
}
