//! Login attempts, counted in Postgres: across all processes, with or without Redis.

use std::time::Duration;

use contract::RateLimit;
use platform_store::{Database, Result, sql};
use sqlx::FromRow;

use crate::subject::Digest;

/// An attempt that is about to be made.
pub(super) struct Attempt<'a> {
    pub(super) limits: Vec<&'a RateLimit>,
    /// For each limit the subject whose failures count together.
    pub(super) subjects: Vec<Digest>,
    /// The client that queues, if the attempt has to wait.
    pub(super) visitor: Digest,
}

/// The decision of a limit on an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub(super) struct Said {
    verdict: i32,
    total: i64,
    reset_ms: i64,
    slice: i64,
}

impl Said {
    pub(super) fn has_room(&self) -> bool {
        self.verdict == 0
    }

    /// No room now, but there is some if a pending attempt succeeds.
    pub(super) fn may_have_room(&self) -> bool {
        self.verdict == 2
    }

    /// How many more attempts may fail.
    pub(super) fn remaining(&self, amount: u32) -> u32 {
        if self.has_room() { amount.saturating_sub(u32::try_from(self.total).unwrap_or(u32::MAX)) } else { 0 }
    }

    /// Time until there is room.
    pub(super) fn reset(&self) -> Duration {
        Duration::from_millis(self.reset_ms.max(0).cast_unsigned())
    }
}

impl Attempt<'_> {
    /// Counts the attempt as pending under every limit, or under none if one of them has no room.
    pub(super) async fn take(&self, db: &Database) -> Result<Vec<Said>> {
        const SQL: &str = sql!("SELECT verdict, total, reset_ms, slice FROM take_attempt($1, $2, $3, $4, $5)");
        let numbers = |number: fn(&RateLimit) -> u32| -> Vec<i32> {
            self.limits.iter().map(|limit| number(limit).cast_signed()).collect()
        };
        let query = sqlx::query_as(SQL)
            .bind(self.subjects.clone())
            .bind(numbers(|limit| limit.amount))
            .bind(numbers(|limit| limit.window_seconds))
            .bind(numbers(|limit| limit.max_delay_seconds))
            .bind(self.visitor.clone());
        db.write_once(move |mut tx| async move { Ok(query.fetch_all(&mut *tx).await?) }).await
    }

    /// Records the outcome. Without one the attempt counts as failed until its window ends.
    pub(super) async fn settle(&self, db: &Database, taken: &[Said], failed: bool) {
        const SQL: &str = sql!("SELECT settle_attempt($1, $2, $3)");
        let slices: Vec<i64> = taken.iter().map(|said| said.slice).collect();
        let query = sqlx::query(SQL).bind(self.subjects.clone()).bind(slices).bind(failed);
        let settled = db.write_once(move |mut tx| async move { Ok(query.execute(&mut *tx).await?) }).await;
        if let Err(error) = settled {
            tracing::warn!(%error, "counting login attempt failed");
        }
    }
}
