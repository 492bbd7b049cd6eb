//! What an attempt changes in the table.

use chrono::Utc;
use platform::{Result, Transaction, backoff, sql};

use crate::claim::Delivery;
use crate::outcome::{Next, Outcome};
use crate::webhooks::Webhooks;

/// Given-up requests of an account that are kept. Its receiver can have any number given up.
const MAX_FAILED: i64 = 1_000;

impl Webhooks {
    /// Writes down the outcome of an attempt. While the database is unavailable this is tried until the lease ends; then
    /// the request is sent again.
    pub(crate) async fn settle(&self, delivery: &Delivery, outcome: &Outcome) {
        let failed = usize::try_from(delivery.attempts).unwrap_or(usize::MAX);
        let next = outcome.next(failed, &self.0.tuning.retries);
        let mut attempt = 0;
        while let Err(error) = self.write(delivery, outcome, next).await {
            attempt += 1;
            tracing::debug!(%error, operation = delivery.operation, "the outcome of a webhook delivery was not written");
            if Utc::now() >= delivery.lease {
                return;
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        if next == Next::GiveUp {
            // Without the URL: paths and queries are often secrets.
            tracing::error!(
                operation = delivery.operation,
                webhook.id = %delivery.id,
                server.address = delivery.host,
                attempts = delivery.attempts + 1,
                http.response.status_code = outcome.status(),
                error = outcome.error(),
                "webhook delivery given up"
            );
            if let Err(error) = self.trim(delivery.recipient).await {
                tracing::debug!(%error, "older webhooks that were given up were not deleted");
            }
        }
    }

    /// What others have claimed since the lease ended is theirs; but received is received.
    async fn write(&self, delivery: &Delivery, outcome: &Outcome, next: Next) -> Result<()> {
        const DELETE: &str = sql!("DELETE FROM webhook_deliveries WHERE id = $1");
        const RETRY: &str = sql!(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, last_status = $3, last_error = $4,
                 due_at = clock_timestamp() + make_interval(secs => $5)
             WHERE id = $1 AND due_at = $2 AND state = 'pending'"
        );
        const GIVE_UP: &str = sql!(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, last_status = $3, last_error = $4,
                 state = 'failed', failed_at = clock_timestamp()
             WHERE id = $1 AND due_at = $2 AND state = 'pending'"
        );
        let (id, lease, error) = (delivery.id, delivery.lease, outcome.error());
        let status = outcome.status().map(u16::cast_signed);
        let write = move |mut tx: Transaction| async move {
            let query = match next {
                Next::Delete => sqlx::query(DELETE).bind(id),
                Next::Retry(pause) => {
                    sqlx::query(RETRY).bind(id).bind(lease).bind(status).bind(error).bind(pause.as_secs_f64())
                }
                Next::GiveUp => sqlx::query(GIVE_UP).bind(id).bind(lease).bind(status).bind(error),
            };
            query.execute(&mut *tx).await?;
            Ok(())
        };
        let _turn = self.0.settling.acquire().await;
        self.0.database.write_once(write).await
    }

    /// Deletes the oldest of an account's given-up requests when there are too many. The operator's are kept.
    async fn trim(&self, recipient: i64) -> Result<()> {
        const SQL: &str = sql!(
            "DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(SELECT id FROM webhook_deliveries
                 WHERE recipient = $1 AND recipient > 0 AND service = $2 AND state = 'failed'
                 ORDER BY failed_at DESC OFFSET $3 LIMIT 1000))"
        );
        let service = self.0.service;
        let trim = move |mut tx: Transaction| async move {
            let query = sqlx::query(SQL).bind(recipient).bind(service).bind(MAX_FAILED).persistent(false);
            query.execute(&mut *tx).await?;
            Ok(())
        };
        let _turn = self.0.settling.acquire().await;
        self.0.database.write_once(trim).await
    }
}
