//! How much a statement of the background takes at once. On a busy machine the same work takes longer than on an idle one: after a
//! statement that took too long the next one takes half as much, so that there is always some progress.

use std::sync::atomic::{AtomicI64, Ordering};

use platform::{Error, Result};

/// So many rows, or whatever is counted.
#[derive(Debug)]
pub(crate) struct Slice {
    now: AtomicI64,
    least: i64,
    most: i64,
}

impl Slice {
    /// Begins with the most.
    pub(crate) const fn new(least: i64, most: i64) -> Self {
        Self { now: AtomicI64::new(most), least, most }
    }

    /// How much to take.
    pub(crate) fn get(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Whether it cannot become less.
    pub(crate) fn is_least(&self) -> bool {
        self.get() <= self.least
    }

    /// Learns from how it went with `taken`.
    pub(crate) fn settle<T>(&self, taken: i64, result: &Result<T>) {
        match result {
            Ok(_) => {
                let more = |now: i64| Some((now + now / 4 + 1).min(self.most));
                let _ = self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            }
            // Of what was taken: two that fail at once do not make it a quarter.
            Err(error) if took_too_long(error) => {
                self.now.fetch_min((taken / 2).max(self.least), Ordering::Relaxed);
            }
            Err(_) => {}
        }
    }
}

/// Whether less of the same might have been done.
pub(crate) fn took_too_long(error: &Error) -> bool {
    match error {
        Error::Problem(problem) => problem.code() == "database_busy",
        // Cancelled, and out of memory.
        Error::Database(_) => matches!(error.sqlstate().as_deref(), Some("57014" | "53200")),
        Error::OutcomeUnknown(_) => false,
    }
}

/// Whether it can succeed later, as it is or in smaller pieces.
pub(crate) fn passes(error: &Error) -> bool {
    error.is_unavailable() || error.is_transient() || took_too_long(error) || lost_its_partition(error)
}

/// Whether a row was on its way into the partition for days nobody has foreseen when its day got one: a check without a name.
fn lost_its_partition(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let failure = error.as_database_error();
    failure.is_some_and(|failure| failure.code().as_deref() == Some("23514") && failure.constraint().is_none())
}

#[cfg(test)]
mod tests {
    use contract::Problem;

    use super::*;

    #[test]
    fn what_took_too_long_is_halved_and_comes_back() {
        let slice = Slice::new(4, 100);
        let busy = || Err::<(), _>(Error::from(Problem::unavailable("database_busy", "", 1)));
        slice.settle(100, &busy());
        slice.settle(100, &busy());
        assert_eq!(slice.get(), 50);
        for _ in 0..10 {
            slice.settle(slice.get(), &busy());
        }
        assert!(slice.get() == 4 && slice.is_least());
        slice.settle(4, &Err::<(), _>(Error::internal("something else")));
        assert_eq!(slice.get(), 4);
        for _ in 0..30 {
            slice.settle(slice.get(), &Ok(()));
        }
        assert_eq!(slice.get(), 100);
    }
}
