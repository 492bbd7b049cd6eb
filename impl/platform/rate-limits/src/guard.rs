//! What guards passwords: attempts at an account are made only while too many have not failed.

use std::time::Duration;

use contract::{CountedBy, Operation, Problem, Quota, RateLimit};
use platform_store::{Database, Error, Result};
use tokio::time::{Instant, sleep};

use crate::attempts::{Attempt, Said};
use crate::limiter::{Inner, Limiter, seconds};
use crate::turns::PATIENCE;

/// Counts failed attempts by the limits of an operation.
#[derive(Clone, Copy)]
pub struct Guard<'a>(Option<(&'a Inner, &'static Operation)>);

/// An account that somebody makes an attempt at.
#[derive(Debug, Clone)]
pub struct Account {
    /// What tells it from every other: that which the database found, not that which somebody typed.
    pub name: String,
    /// Whether it was used from the address of this request before. Then the failures of others do not matter.
    pub is_used_from_here: bool,
}

impl Limiter {
    /// What guards the passwords that an operation checks.
    pub fn guard(&self, operation: &'static Operation) -> Guard<'_> {
        Guard(self.0.as_deref().map(|inner| (inner, operation)))
    }
}

impl Guard<'_> {
    /// One that lets everybody try.
    pub fn none() -> Self {
        Self(None)
    }

    /// Makes an attempt at an account and counts it if it fails, that is with a 4xx.
    ///
    /// An attempt counts as failed until it succeeds, so that of many at once no more are made than may fail. Those that
    /// only others under way keep from being made wait for their outcome, in this process in the order they came.
    ///
    /// # Errors
    /// 429 `rate_limited` without an attempt when too many failed before, 503 `busy` when too many are under way; those of the
    /// attempt.
    pub async fn attempt<T>(
        &self,
        db: &Database,
        account: &Account,
        attempt: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limits = |limit: &&RateLimit| match limit.by {
            CountedBy::AccountAddress => true,
            CountedBy::Account => !account.is_used_from_here,
            CountedBy::User | CountedBy::Address => false,
        };
        let Some((inner, operation)) = self.0 else { return attempt.await };
        let mut limits: Vec<&RateLimit> = operation.rate_limits.iter().filter(limits).collect();
        // Who has no room of their own does not begin to wait for that of the account.
        limits.sort_by_key(|limit| limit.max_delay_seconds);
        let Some(first) = limits.first() else { return attempt.await };
        let name = |limit: &&RateLimit| inner.subjects.of_attempts(limit, &account.name);
        let subjects: Vec<_> = limits.iter().map(name).collect();
        let visitor = inner.subjects.of_visitor(&account.name);
        let (key, amount) = (subjects[0].clone(), first.amount);
        let asked = Attempt { limits, subjects, visitor };
        let _turn = inner.turns.take(&key, amount).await.ok_or_else(busy)?;
        let refuse = |said: &[Said]| inner.refuse_attempt(operation, &asked, said);
        let taken = inner.take_in_turn(db, &asked, refuse).await?;
        let result = attempt.await;
        let failed = matches!(&result, Err(Error::Problem(problem)) if problem.status().is_client_error());
        asked.settle(db, &taken, failed).await;
        result
    }
}

impl Inner {
    /// Takes an attempt, once attempts in other replicas leave room for it.
    pub(super) async fn take_in_turn(
        &self,
        db: &Database,
        asked: &Attempt<'_>,
        refuse: impl Fn(&[Said]) -> Error,
    ) -> Result<Vec<Said>> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(10);
        loop {
            let said = asked.take(db).await?;
            if said.iter().all(Said::has_room) {
                return Ok(said);
            }
            if !said.iter().any(Said::may_have_room) {
                return Err(refuse(&said));
            }
            if Instant::now() >= deadline {
                return Err(busy().into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(160));
        }
    }

    /// Tells of the limits that have no room, and of no other: what they hold is nobody's business.
    fn refuse_attempt(&self, operation: &Operation, asked: &Attempt<'_>, said: &[Said]) -> Error {
        let full = asked.limits.iter().zip(said).filter(|(_, said)| !said.has_room());
        let quotas: Vec<Quota> = full
            .map(|(limit, said)| {
                self.measurements.refused(operation.id, limit.class);
                let RateLimit { class, amount, window_seconds, .. } = **limit;
                let remaining = said.remaining(amount);
                Quota { class, amount, window_seconds, remaining, reset_seconds: seconds(said.reset()) }
            })
            .collect();
        Problem::rate_limited(&quotas).into()
    }
}

fn busy() -> Problem {
    Problem::unavailable("busy", "Too many attempts of this kind are under way; try again.", 1)
}
