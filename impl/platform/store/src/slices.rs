//! Work in batches, each committed on its own. On a busy machine the same work takes longer than on an idle one: after a batch
//! that timed out the next one is half as large, so that there is always some progress.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use platform_background::backoff;

use crate::database::{Database, Transaction};
use crate::error::Result;

/// The smallest batch of [`in_slices`].
const MIN_BATCH_ROWS: i64 = 50;

/// The adaptive size of a batch, in rows or another unit.
#[derive(Debug)]
pub struct Slice {
    now: AtomicI64,
    least: i64,
    most: i64,
}

impl Slice {
    /// Starts with the largest.
    pub const fn new(least: i64, most: i64) -> Self {
        Self { now: AtomicI64::new(most), least, most }
    }

    /// The current size.
    pub fn get(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Adapts the size to the outcome of a batch of size `taken`.
    pub fn settle<T>(&self, taken: i64, result: &Result<T>) {
        match result {
            Ok(_) => {
                let more = |now: i64| Some((now + now / 4 + 1).min(self.most));
                let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            }
            // Relative to `taken`: two concurrent failures do not make it a quarter.
            Err(error) if error.took_too_long() => {
                self.now.fetch_min((taken / 2).max(self.least), Ordering::Relaxed);
            }
            Err(_) => {}
        }
    }

    /// Runs batch after batch until nothing is left.
    ///
    /// ```ignore
    /// let mut run = slice.run();
    /// while let Some(most) = run.next().await {
    ///     let removed = remove(most).await;
    ///     run.settle(removed, |removed| *removed == most)?;
    /// }
    /// ```
    pub fn run(&self) -> Run<'_> {
        Run { slice: self, until: None, taken: 0, has_progress: false, failures: 0, is_finished: false }
    }
}

/// See [`Slice::run`].
#[derive(Debug)]
pub struct Run<'a> {
    slice: &'a Slice,
    until: Option<Instant>,
    /// The size of the current batch.
    taken: i64,
    has_progress: bool,
    /// Consecutive failures of the smallest batch.
    failures: u32,
    is_finished: bool,
}

impl Run<'_> {
    /// The same with a deadline: no batch starts later, and until then the smallest is retried.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { until: Some(Instant::now() + patience), ..self }
    }

    /// The size of the next batch; `None` when all is done, or the deadline has passed.
    pub async fn next(&mut self) -> Option<i64> {
        let has_begun = self.has_progress || self.failures > 0;
        if self.is_finished || (has_begun && self.is_late()) {
            return None;
        }
        if self.failures > 0 {
            tokio::time::sleep(backoff(self.failures)).await;
        }
        self.taken = self.slice.get();
        Some(self.taken)
    }

    /// Records the outcome of a batch, and whether there may be more; `None` when it timed out and is retried in smaller batches.
    ///
    /// # Errors
    /// Those that smaller batches do not resolve.
    pub fn settle<T>(&mut self, done: Result<T>, more: impl FnOnce(&T) -> bool) -> Result<Option<T>> {
        self.slice.settle(self.taken, &done);
        match done {
            Ok(done) => {
                (self.has_progress, self.failures, self.is_finished) = (true, 0, !more(&done));
                Ok(Some(done))
            }
            Err(error) if error.took_too_long() && self.may_go_on() => {
                tracing::debug!(%error, batch_size = self.taken, "batch timed out, reducing batch size");
                self.failures += u32::from(self.taken <= self.slice.least);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether everything is done.
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    fn may_go_on(&self) -> bool {
        match self.until {
            None => self.taken > self.slice.least,
            // Without any progress until the deadline, the error is returned.
            Some(_) => self.has_progress || !self.is_late(),
        }
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() > until)
    }
}

/// Repeats `work`, with the maximum size as its parameter, until a batch is not full; returns the total.
///
/// # Errors
/// Those that smaller batches do not resolve; completed batches stay committed.
pub async fn in_slices<F: Future<Output = Result<u64>>>(most: i64, mut work: impl FnMut(i64) -> F) -> Result<u64> {
    let (slice, mut total) = (Slice::new(MIN_BATCH_ROWS.min(most), most), 0);
    let mut run = slice.run();
    while let Some(most) = run.next().await {
        total += run.settle(work(most).await, |done| *done >= most.cast_unsigned())?.unwrap_or(0);
    }
    Ok(total)
}

/// Repeats `remove`, each time in a transaction of its own, until nothing is left; returns the total.
///
/// # Errors
/// As [`in_slices`].
pub async fn remove_in_slices<F>(
    database: &Database,
    most: i64,
    remove: impl Fn(Transaction, i64) -> F + Clone + Send + 'static,
) -> Result<u64>
where
    F: Future<Output = Result<u64>> + Send + 'static,
{
    in_slices(most, |most| {
        let remove = remove.clone();
        database.write(move |tx| remove(tx, most))
    })
    .await
}

/// Repeats a DELETE statement, whose only parameter is the maximum number of rows, until nothing is left; returns the total.
///
/// # Errors
/// As [`in_slices`].
pub async fn delete_in_slices(database: &Database, most: i64, sql: &'static str) -> Result<u64> {
    remove_in_slices(database, most, move |mut tx, most| async move {
        Ok(sqlx::query(sql).bind(most).execute(&mut *tx).await?.rows_affected())
    })
    .await
}

#[cfg(test)]
mod tests {
    use contract::Problem;

    use super::*;
    use crate::error::Error;

    fn busy<T>() -> Result<T> {
        Err(Problem::unavailable("database_busy", "", 1).into())
    }

    #[test]
    fn what_took_too_long_is_halved_and_comes_back() {
        let slice = Slice::new(4, 100);
        slice.settle(100, &busy::<()>());
        slice.settle(100, &busy::<()>());
        assert_eq!(slice.get(), 50);
        for _ in 0..10 {
            slice.settle(slice.get(), &busy::<()>());
        }
        assert_eq!(slice.get(), 4);
        slice.settle(4, &Err::<(), _>(Error::internal("something else")));
        assert_eq!(slice.get(), 4);
        for _ in 0..30 {
            slice.settle(slice.get(), &Ok(()));
        }
        assert_eq!(slice.get(), 100);
    }

    #[tokio::test]
    async fn slices_get_through_what_is_too_much_at_once() {
        let mut left = 1_000_u64;
        let done = in_slices(400, |most| {
            let most = most.cast_unsigned();
            let result = if most > 150 { busy() } else { Ok(most.min(left)) };
            left -= *result.as_ref().unwrap_or(&0);
            std::future::ready(result)
        });
        assert_eq!(done.await.expect("there is progress"), 1_000);
        in_slices(400, |_| std::future::ready(busy())).await.expect_err("the smallest is too much as well");
        let fault = in_slices(400, |_| std::future::ready(Err(Error::internal("a fault")))).await;
        assert!(fault.expect_err("at once").to_string().contains("a fault"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_how_far_it_went() {
        let slice = Slice::new(1, 8);
        let mut run = slice.run().within(Duration::ZERO);
        assert_eq!(run.next().await, Some(8), "once in any case");
        run.settle(busy::<()>(), |()| true).expect_err("nothing was done, and the time is over");
        let mut run = slice.run().within(Duration::ZERO);
        assert_eq!(run.next().await, Some(4));
        assert_eq!(run.settle(Ok(4), |_| true).expect("done"), Some(4));
        assert_eq!((run.next().await, run.is_finished()), (None, false));
        let mut run = slice.run().within(Duration::from_secs(3_600));
        for _ in 0..9 {
            run.next().await.expect("it is tried again");
            assert_eq!(run.settle(busy::<()>(), |()| true).expect("it goes on"), None);
        }
        run.next().await.expect("it is tried again");
        run.settle(Ok(()), |()| false).expect("done");
        assert_eq!((run.next().await, run.is_finished()), (None, true));
    }
}
