//! A transaction from BEGIN to COMMIT, and the connection that is lent to the work inside.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform_telemetry::notices;
use sqlx::{Executor, PgConnection};
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use platform_connections::pool::Lease;

/// Retries of a transaction after a deadlock or a serialization failure.
const MAX_RETRIES: u32 = 3;

/// From BEGIN to COMMIT, with retries; `committing` says whether COMMIT was sent.
pub(super) async fn transaction<T, F, W>(mut lease: Lease, committing: Arc<AtomicBool>, work: W) -> Result<T>
where
    F: Future<Output = Result<T>>,
    W: FnOnce(Transaction) -> F + Clone,
{
    let mut repetition = 0;
    loop {
        let result;
        (result, lease) = attempt(lease, &committing, work.clone()).await?;
        match result {
            Err(error) if error.is_transient() && repetition < MAX_RETRIES => {
                repetition += 1;
                tracing::debug!(%error, repetition, "retrying transaction");
                // Up to 10, 20, 40 ms: long enough for the other transaction to commit, short compared to the request's deadline.
                tokio::time::sleep(Duration::from_millis(rand::random_range(1..=5_u64 << repetition))).await;
            }
            result => return result,
        }
    }
}

/// One run from BEGIN to COMMIT or ROLLBACK. An outer error means that the connection is lost.
async fn attempt<T, F, W>(mut lease: Lease, committing: &AtomicBool, work: W) -> Result<(Result<T>, Lease)>
where
    F: Future<Output = Result<T>>,
    W: FnOnce(Transaction) -> F,
{
    // From here the state of the lease is unknown, and its connection would be closed if this were cancelled.
    let begun = lease.connection().execute("BEGIN").await;
    if begun.is_err() {
        lease.settle(&begun);
    }
    begun?;
    let (result, mut lease) = run(lease, work).await?;
    let result = match result {
        // COMMIT of a transaction in which a statement failed rolls back without an error, whatever `work` did with that
        // failure. SELECT fails in such a transaction, and COMMIT is not run then.
        Ok(value) => {
            committing.store(true, Ordering::Relaxed);
            match notices::watched(lease.connection().execute("SELECT; COMMIT")).await {
                (Ok(done), is_warned) => {
                    lease.settle(&Ok(done));
                    let result = if is_warned { Err(Error::not_replicated()) } else { Ok(value) };
                    return Ok((result, lease));
                }
                (Err(error), _) => Err(Error::while_committing(error)),
            }
        }
        Err(error) => Err(error),
    };
    let ended = lease.connection().execute("ROLLBACK").await;
    // A commit that failed had no effect, and the next attempt is not committing yet.
    committing.store(matches!(result, Err(Error::OutcomeUnknown(_))), Ordering::Relaxed);
    lease.settle(&ended);
    if let Err(Error::Database(failure)) = &result {
        lease.settle_after(failure);
    }
    Ok((result, lease))
}

/// Lends the connection to `work` and takes it back, in an unknown state.
pub(super) async fn run<T, F, W>(lease: Lease, work: W) -> Result<(Result<T>, Lease)>
where
    F: Future<Output = Result<T>>,
    W: FnOnce(Transaction) -> F,
{
    let (sender, mut home) = oneshot::channel();
    let result = work(Transaction { lease: Some(lease), home: Some(sender) }).await;
    let lease = home.try_recv().map_err(|_| Error::internal("a transaction outlived the work it was lent to"))?;
    Ok((result, lease))
}

/// The connection inside a transaction; queries take it as `&mut PgConnection`.
///
/// [`Database::write`](super::Database::write) began the transaction and ends it: do not use sqlx's own `begin` on it.
pub struct Transaction {
    lease: Option<Lease>,
    home: Option<oneshot::Sender<Lease>>,
}

impl Transaction {
    /// The history of the database that it writes to: another number after a failover or a restore, when what was read before may not
    /// be there any more. What a process remembers of rows holds for the history that they were read in.
    pub fn history(&self) -> u64 {
        self.lease.as_ref().expect(HELD).history()
    }

    /// Lends the connection to `work`, as the whole of the transaction, and takes it back for the statements that follow.
    ///
    /// # Errors
    /// 500 when `work` did not drop the transaction; it is lost then.
    pub(crate) async fn lend<T, F, W>(mut self, work: W) -> Result<(Result<T>, Self)>
    where
        F: Future<Output = Result<T>>,
        W: FnOnce(Self) -> F,
    {
        let (result, lease) = run(self.lease.take().expect(HELD), work).await?;
        self.lease = Some(lease);
        Ok((result, self))
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.lease.as_ref().expect(HELD).peek()
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.lease.as_mut().expect(HELD).connection()
    }
}

const HELD: &str = "a transaction holds its connection until it is dropped";

impl Drop for Transaction {
    fn drop(&mut self) {
        if let (Some(lease), Some(home)) = (self.lease.take(), self.home.take()) {
            // Without a receiver the lease is returned as an error and dropped, which closes the connection.
            let _ = home.send(lease);
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Transaction")
    }
}
