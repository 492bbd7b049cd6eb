//! Erasing accounts whose grace period is over. Any number of processes may: each takes an account that no other has locked. What a killed
//! process has erased stays erased, and the account stays due until its row, the last one, is gone.

use std::time::Duration;

use platform::audit::{Action, Entry, Written};
use platform::slices::Slice;
use platform::{Result, Transaction};
use tokio_util::sync::CancellationToken;

use super::queries;
use crate::{TasksService, user_queries};

/// How often one looks for accounts that are due.
const INTERVAL: Duration = Duration::from_secs(60);
/// The pause after a round that failed.
const RETRY_DELAY: Duration = Duration::from_secs(10);
/// Accounts of one round.
const MAX_ACCOUNTS: i64 = 20;
/// No batch of an account's erasure starts later than this in a round, so that others have their turn.
const ACCOUNT_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest and the smallest number of rows of personal data that one transaction erases.
pub(crate) const MAX_ERASED_ROWS: i64 = 2_000;
pub(crate) const MIN_ERASED_ROWS: i64 = 50;
/// Accounts that should have been erased so long ago are overdue, in seconds.
const OVERDUE_AFTER: f64 = 3_600.0;

/// Erases a batch of a locked user's personal data, and the account with the last one: nothing remains that is to be erased afterwards,
/// true. Before, the account is closed, so that nobody signs in to what is half erased.
pub(crate) async fn erase_slice(tx: &mut Transaction, user: i64, most: i64) -> Result<bool> {
    if user_queries::erase(tx, user, most).await? >= most {
        user_queries::close(tx, user).await?;
        return Ok(false);
    }
    user_queries::delete(tx, user).await?;
    Ok(true)
}

/// What became of a batch.
enum Batch {
    /// The account was kept, is gone, or is another process'.
    Skipped,
    Partial,
    Last(Written),
}

impl TasksService {
    /// Erases accounts whose grace period is over, until shutdown.
    pub(crate) async fn erase_periodically(&self, shutdown: CancellationToken) {
        let job = self.erasures.jobs.job("account_erasures", INTERVAL).at_once().after_failure(RETRY_DELAY);
        job.every(INTERVAL, shutdown, || self.erase_due_accounts()).await;
    }

    /// Erases the accounts that are due, a bounded number; returns how many are gone.
    ///
    /// # Errors
    /// When the database is unavailable. An account that cannot be erased keeps no other from it: it is tried again later. What was erased
    /// stays erased.
    pub async fn erase_due_accounts(&self) -> Result<usize> {
        let mut erased = 0;
        for user in queries::due(self.database.latest_reads(), MAX_ACCOUNTS).await? {
            match self.erase_account(user).await {
                Ok(is_gone) => erased += usize::from(is_gone),
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) => {
                    tracing::error!(enduser.id = user, %error, "erasing account failed, retrying later");
                    self.erasures.failures.inc();
                    let put_off = move |mut tx: Transaction| async move { queries::put_off(&mut tx, user).await };
                    self.database.write_once(put_off).await?;
                }
            }
        }
        self.erasures.overdue.set(queries::overdue(self.database.latest_reads(), OVERDUE_AFTER).await?);
        Ok(erased)
    }

    /// Erases an account that is due; whether it is gone now. What is left is due in the next round.
    async fn erase_account(&self, user: i64) -> Result<bool> {
        let (slice, mut is_gone) = (Slice::new(MIN_ERASED_ROWS, MAX_ERASED_ROWS), false);
        let mut run = slice.run().within(ACCOUNT_TIMEOUT);
        while let Some(most) = run.next().await {
            let erase = move |mut tx: Transaction| async move { erase_batch(&mut tx, user, most).await };
            let done = self.database.write(erase).await;
            let batch = run.settle(done, |batch| matches!(batch, Batch::Partial))?;
            self.access.accounts.user_changed(user);
            if let Some(Batch::Last(written)) = batch {
                written.tell();
                is_gone = true;
            }
        }
        Ok(is_gone)
    }
}

async fn erase_batch(tx: &mut Transaction, user: i64, most: i64) -> Result<Batch> {
    if !queries::claim(tx, user).await? {
        return Ok(Batch::Skipped);
    }
    if !erase_slice(tx, user, most).await? {
        return Ok(Batch::Partial);
    }
    // The user asked for it.
    let entry = Entry::by(Some(user), Action::UserDeleted).on(user);
    Ok(Batch::Last(entry.write(tx).await?))
}
