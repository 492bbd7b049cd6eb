//! The table of mails: what is written, claimed, deleted and tried again.

use std::time::Duration;

use platform::{Columns, Result, Transaction, jittered, sql};
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use crate::claimed::Claimed;
use crate::mail::Mail;
use crate::mailer::Mailer;

/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1_000;

/// What is to be done with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Delete,
    /// The server rejected it temporarily.
    Retry(Duration),
    /// Nobody has seen it.
    Release,
}

impl Mailer {
    /// Queues a mail: it is sent if the transaction is committed. Its id is the left part of its Message-ID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn queue(&self, db: &mut PgConnection, mail: &Mail) -> Result<Uuid> {
        const SQL: &str = sql!(
            "INSERT INTO mails (id, user_id, recipient, subject, text, html, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))"
        );
        let id = Uuid::now_v7();
        let query = sqlx::query(SQL).bind(id).bind(mail.user).bind(&mail.to).bind(&mail.subject);
        let query = query.bind(&mail.text).bind(&mail.html).bind(mail.life.as_secs_f64());
        query.execute(db).await?;
        Ok(id)
    }

    /// Claims the mail that has been due for the longest time, for as long as sending it may take. Rows that others claim at this moment
    /// are skipped.
    ///
    /// # Errors
    /// Those of the database. When it is not known whether the claim was committed, its lease ends like that of a dead process.
    pub(crate) async fn claim(&self) -> Result<Option<Claimed>> {
        const SQL: &str = sql!(
            "UPDATE mails SET due_at = clock_timestamp() + make_interval(secs => $1)
             WHERE id = (SELECT id FROM mails WHERE due_at <= now() AND expires_at > now()
                         ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING id, recipient, subject, text, html, attempts, created_at, due_at"
        );
        let lease = self.0.tuning.lease().as_secs_f64();
        let claim = move |mut tx: Transaction| async move {
            let row = sqlx::query(SQL).bind(lease).fetch_optional(&mut *tx).await?;
            Ok(row.as_ref().map(claimed).transpose()?)
        };
        self.0.database.write_once(claim).await
    }

    /// Writes down what is to be done next. What others have claimed since the lease ended is theirs; but sent is sent.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn write(&self, mail: &Claimed, next: Next) -> Result<()> {
        const DELETE: &str = sql!("DELETE FROM mails WHERE id = $1");
        const RETRY: &str = sql!(
            "UPDATE mails SET attempts = attempts + 1, due_at = clock_timestamp() + make_interval(secs => $3)
             WHERE id = $1 AND due_at = $2"
        );
        const RELEASE: &str = sql!("UPDATE mails SET due_at = clock_timestamp() WHERE id = $1 AND due_at = $2");
        let (id, lease) = (mail.id, mail.lease);
        let write = move |mut tx: Transaction| async move {
            let query = match next {
                Next::Delete => sqlx::query(DELETE).bind(id),
                Next::Retry(pause) => sqlx::query(RETRY).bind(id).bind(lease).bind(jittered(pause).as_secs_f64()),
                Next::Release => sqlx::query(RELEASE).bind(id).bind(lease),
            };
            query.execute(&mut *tx).await?;
            Ok(())
        };
        self.0.database.write_once(write).await
    }

    /// Deletes what is of no use any more, a bounded number.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn forget_expired(&self) -> Result<()> {
        const SQL: &str = sql!(
            "DELETE FROM mails WHERE id = ANY (ARRAY(SELECT id FROM mails
                 WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))"
        );
        let forget = |mut tx: Transaction| async move {
            Ok(sqlx::query(SQL).bind(BATCH_ROWS).execute(&mut *tx).await?.rows_affected())
        };
        let expired = self.0.database.write_once(forget).await?;
        if expired > 0 {
            tracing::error!(mails = expired, "mails expired before the mail server took them");
            self.0.metrics.add("expired", expired);
        }
        Ok(())
    }
}

fn claimed(row: &PgRow) -> sqlx::Result<Claimed> {
    let mut columns = Columns::of(row);
    Ok(Claimed {
        id: columns.get("id")?,
        recipient: columns.get("recipient")?,
        subject: columns.get("subject")?,
        text: columns.get("text")?,
        html: columns.get("html")?,
        attempts: columns.get("attempts")?,
        created_at: columns.get("created_at")?,
        lease: columns.get("due_at")?,
    })
}
