//! Reservations nobody paid are given back.

use platform::slices::in_slices;
use platform::{Columns, Result, sql};

use super::Pipeline;
use super::failpoints::{EXPIRY_COMMITTED, EXPIRY_WRITTEN};

/// Most reservations given back by one statement.
const EXPIRIES: i64 = 200;

impl Pipeline {
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
            let outbox = self.0.outbox.clone();
            let ids = self
                .0
                .database
                .write(move |mut tx| async move {
                    let row = sqlx::query(SQL).bind(most).fetch_one(&mut *tx).await?;
                    let ids: Option<Vec<i64>> = Columns::of(&row).get("ids")?;
                    outbox.failpoints().hit(EXPIRY_WRITTEN)?;
                    Ok(ids.unwrap_or_default())
                })
                .await?;
            self.outbox().failpoints().hit(EXPIRY_COMMITTED)?;
            self.announce(&ids);
            self.0.metrics.decided("expired", ids.len() as u64);
            Ok(ids.len() as u64)
        })
        .await
    }
}
