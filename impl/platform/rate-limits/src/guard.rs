//! Brute-force protection of passwords: attempts at an account are possible until too many have failed.

use std::time::Duration;

use contract::{CountedBy, Operation, Problem, Quota, RateLimit};
use platform_store::{Database, Error, Result};
use tokio::time::{Instant, sleep};

use crate::attempts::{Attempt, Said};
use crate::limiter::{Inner, Limiter, seconds};
use crate::turns::QUEUE_TIMEOUT;

/// Counts failed attempts against the limits of an operation.
#[derive(Clone, Copy)]
pub struct Guard<'a>(Option<(&'a Inner, &'static Operation)>);

/// The account of an attempt.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its identity: the account that the database found, not the name that was typed.
    pub name: String,
    /// Whether it was used from this request's address before. Then the failures of others do not count.
    pub is_used_from_here: bool,
}

impl Limiter {
    /// The brute-force protection of an operation that checks passwords.
    pub fn guard(&self, operation: &'static Operation) -> Guard<'_> {
        Guard(self.0.as_deref().map(|inner| (inner, operation)))
    }
}

impl Guard<'_> {
    /// A guard without limits.
    pub fn none() -> Self {
        Self(None)
    }

    /// Makes an attempt at an account and counts it if it fails, that is with a 4xx.
    ///
    /// An attempt counts as failed until it succeeds, so that no more run concurrently than may fail. Attempts that are blocked
    /// only by pending ones wait for their outcome, in this process in the order they came.
    ///
    /// 429 `rate_limited` without an attempt when too many failed before, 503 `busy` when too many are pending; those of the
    /// attempt.
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
        // A client whose own limit is exhausted does not start to wait for that of the account.
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
    /// Counts an attempt, once attempts in other replicas leave room for it.
    pub(super) async fn take_in_turn(
        &self,
        db: &Database,
        asked: &Attempt<'_>,
        refuse: impl Fn(&[Said]) -> Error,
    ) -> Result<Vec<Said>> {
        let deadline = Instant::now() + QUEUE_TIMEOUT;
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

    /// Reports only the limits that have no room: the state of the others would reveal the account's activity.
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
    Problem::unavailable("busy", "Too many concurrent attempts; try again.", 1)
}
