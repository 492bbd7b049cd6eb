//! How much may wait for a recipient. What waits is counted in Postgres, and a count is good for a while: a recipient with
//! many would cost each of its requests a scan of all of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::Problem;
use platform::{Result, sql};
use sqlx::postgres::PgConnection;

/// Requests that may wait for one recipient of a service.
const MAX_PENDING: i64 = 10_000;
/// Requests that are put without counting again: so much of what was free then, by a process. With few left each one is counted.
const UNCOUNTED_SHARE: i64 = 4;
/// After so long there is another count.
const COUNT_LIFE: Duration = Duration::from_secs(10);
/// After so long there may be room again.
const FULL_LIFE: Duration = Duration::from_secs(1);
/// Recipients that a process remembers.
const REMEMBERED: usize = 10_000;

/// The recipients that requests were put for lately.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<HashMap<i64, Count>>);

#[derive(Debug)]
struct Count {
    made: Instant,
    /// Requests that may still be put before the next count; negative: the backlog was full.
    allowance: i64,
}

impl Backlog {
    /// Whether one more request may wait for a recipient.
    ///
    /// # Errors
    /// 503 `webhook_backlog_full` when not, and those of the database.
    pub(crate) async fn admit(&self, db: &mut PgConnection, service: &str, recipient: i64) -> Result<()> {
        const SQL: &str = sql!(
            "SELECT count(*) FROM (SELECT FROM webhook_deliveries
                 WHERE service = $1 AND recipient = $2 AND state = 'pending' LIMIT $3) AS waiting"
        );
        let known = self.take(recipient);
        let may = match known {
            Some(may) => may,
            None => {
                let query = sqlx::query_scalar(SQL).bind(service).bind(recipient).bind(MAX_PENDING).persistent(false);
                self.counted(recipient, query.fetch_one(db).await?)
            }
        };
        if may {
            return Ok(());
        }
        let detail = "Too many webhooks wait for their receiver; nothing was done. Try again later.";
        Err(Problem::unavailable("webhook_backlog_full", detail, 60).into())
    }

    /// What the last count says of one more; nothing when it is used up.
    fn take(&self, recipient: i64) -> Option<bool> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get_mut(&recipient)?;
        let is_full = count.allowance < 0;
        if count.made.elapsed() > if is_full { FULL_LIFE } else { COUNT_LIFE } {
            return None;
        }
        if !is_full {
            count.allowance = count.allowance.checked_sub(1).filter(|left| *left >= 0)?;
        }
        Some(!is_full)
    }

    /// Remembers a count. Whether one more may wait.
    fn counted(&self, recipient: i64, pending: i64) -> bool {
        let free = MAX_PENDING - pending;
        let allowance = if free > 0 { free / UNCOUNTED_SHARE } else { -1 };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= REMEMBERED {
            counts.clear();
        }
        counts.insert(recipient, Count { made: Instant::now(), allowance });
        free > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_good_for_a_share_of_what_is_free() {
        let backlog = Backlog::default();
        assert_eq!(backlog.take(1), None, "nobody has counted");
        assert!(backlog.counted(1, MAX_PENDING - 10));
        assert_eq!([(); 4].map(|()| backlog.take(1)), [Some(true), Some(true), None, None]);
        assert!(backlog.counted(1, MAX_PENDING - 1));
        assert_eq!(backlog.take(1), None, "the last ones are counted each");
        assert!(!backlog.counted(1, MAX_PENDING));
        assert_eq!([(); 2].map(|()| backlog.take(1)), [Some(false); 2], "full for a while");
        assert_eq!(backlog.take(2), None, "others are others");
    }

    #[test]
    fn not_everybody_is_remembered() {
        let backlog = Backlog::default();
        for recipient in 0..=i64::try_from(REMEMBERED).expect("a few") {
            backlog.counted(recipient, 0);
        }
        assert_eq!(backlog.0.lock().expect("nobody panicked").len(), 1);
    }
}
