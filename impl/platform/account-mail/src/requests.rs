//! Requests for mail that wait: claimed, done once, and forgotten.

use std::time::Duration;

use platform::slices::remove_in_slices;
use platform::{Result, Transaction, sql};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::account_mail::AccountMail;

/// Requests that are claimed at a time.
const BATCH: i64 = 20;
/// How long a request belongs to the process that claimed it; whatever is left then is claimed again.
const LEASE: Duration = Duration::from_secs(60);
/// A request that so many claims have not finished is given up: it would keep others waiting.
const MAX_ATTEMPTS: i32 = 10;
/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1_000;

/// A request.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Request {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) user_id: Option<i64>,
    pub(crate) epoch: Option<i64>,
    pub(crate) email: Option<String>,
}

impl AccountMail {
    /// Looks at everything that waits.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn compose_all(&self) -> Result<()> {
        loop {
            let requests = self.claim().await?;
            let is_last = requests.len() < usize::try_from(BATCH).unwrap_or_default();
            for request in requests {
                self.compose(request).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn claim(&self) -> Result<Vec<Request>> {
        const SQL: &str = sql!(
            "UPDATE email_requests SET attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $1)
             WHERE id = ANY (ARRAY(SELECT id FROM email_requests WHERE due_at <= now() AND attempts < $3
                         ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING id, kind, user_id, epoch, email"
        );
        let claim = |mut tx: Transaction| async move {
            let claim = sqlx::query_as(SQL).bind(LEASE.as_secs_f64()).bind(BATCH).bind(MAX_ATTEMPTS);
            Ok(claim.fetch_all(&mut *tx).await?)
        };
        self.database.write_once(claim).await
    }

    /// Deletes tokens that nobody can use and nothing counts any more, and requests that nobody will look at.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn tidy(&self) -> Result<()> {
        const TOKENS: &str = sql!(
            "DELETE FROM email_tokens WHERE hash = ANY (ARRAY(SELECT hash FROM email_tokens
                 WHERE created_at < now() - interval '2 hours' ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED))"
        );
        const REQUESTS: &str = sql!(
            "DELETE FROM email_requests WHERE id = ANY (ARRAY(SELECT id FROM email_requests
                 WHERE attempts >= $2 ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED))"
        );
        remove_in_slices(&self.database, BATCH_ROWS, |mut tx, most| async move {
            Ok(sqlx::query(TOKENS).bind(most).execute(&mut *tx).await?.rows_affected())
        })
        .await?;
        // Without mail nobody will look at any.
        let attempts = if self.mailer.is_some() { MAX_ATTEMPTS } else { 0 };
        let removed = remove_in_slices(&self.database, BATCH_ROWS, move |mut tx, most| async move {
            Ok(sqlx::query(REQUESTS).bind(most).bind(attempts).execute(&mut *tx).await?.rows_affected())
        })
        .await?;
        if removed > 0 && self.mailer.is_some() {
            tracing::error!(requests = removed, "requests for mail given up after repeated failures");
        }
        Ok(())
    }
}

/// Takes a request from the table; `false` when another process has done it.
///
/// # Errors
/// Those of the database.
pub(crate) async fn take(db: &mut PgConnection, id: Uuid) -> Result<bool> {
    const SQL: &str = sql!("DELETE FROM email_requests WHERE id = $1");
    Ok(sqlx::query(SQL).bind(id).execute(db).await?.rows_affected() > 0)
}
