//! Limits the accounts created from one address: counted in Postgres, as login attempts are, across all processes.
//!
//! Every quota of a user depends on this, since an unlimited number of accounts would have unlimited quotas.

use contract::{Operation, Problem, RateLimit};
use platform_store::{Database, Error, Result};

use crate::attempts::{Attempt, Said};
use crate::limiter::{Inner, Limiter, seconds};

/// Counts the accounts created from the address of the request.
#[derive(Clone, Copy)]
pub struct Signups<'a>(Option<(&'a Inner, &'static Operation)>);

impl Limiter {
    /// The limits on accounts that an operation creates.
    pub fn signups(&self, operation: &'static Operation) -> Signups<'_> {
        Signups(self.0.as_deref().filter(|inner| !inner.signups.is_empty()).map(|inner| (inner, operation)))
    }
}

impl Signups<'_> {
    /// Without limits.
    pub fn none() -> Self {
        Self(None)
    }

    /// Creates an account, and counts it if it exists afterwards, or may exist. A pending creation counts as well, so that
    /// concurrent ones cannot exceed the limit.
    ///
    /// # Errors
    /// 429 `too_many_signups` when there were too many, 503 `busy` when too many are pending; those of creating it.
    pub async fn open<T>(&self, db: &Database, open: impl Future<Output = Result<T>>) -> Result<T> {
        let Some((inner, operation)) = self.0 else { return open.await };
        let limits: Vec<&RateLimit> = inner.signups.iter().collect();
        let subjects = limits.iter().map(|limit| inner.subjects.of_attempts(limit, "signup")).collect();
        let asked = Attempt { limits, subjects, visitor: inner.subjects.of_visitor("signup") };
        let refuse = |said: &[Said]| refusal(inner, operation, &asked, said);
        let taken = inner.take_in_turn(db, &asked, refuse).await?;
        let result = open.await;
        let opened = matches!(&result, Ok(_) | Err(Error::OutcomeUnknown(_)));
        asked.settle(db, &taken, opened).await;
        result
    }
}

fn refusal(inner: &Inner, operation: &Operation, asked: &Attempt<'_>, said: &[Said]) -> Error {
    let full = asked.limits.iter().zip(said).filter(|(_, said)| !said.has_room());
    let wait = full.map(|(limit, said)| {
        inner.measurements.refused(operation.id, limit.class);
        seconds(said.reset())
    });
    let wait = wait.max().unwrap_or(1);
    let detail = "Too many sign-ups from this address; try again after Retry-After seconds.";
    Problem::too_many("too_many_signups", detail, wait).into()
}
