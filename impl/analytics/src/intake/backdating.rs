//! How many minutes of the past one reporter may count views in: each minute, hour, day and so on is a block of counts that others
//! read and the background merges, so that views spread over a week cost a hundred times what as many of now do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use contract::Problem;

use crate::intake::page_view::Reporter;

/// What is younger is reported late and not of the past.
const LATE: TimeDelta = TimeDelta::minutes(15);
/// Minutes of the past in a minute; the first request of a minute may have as many as it has views.
const AMOUNT: usize = 1_000;

/// What reporters have used of the present minute, in this process.
#[derive(Debug, Default)]
pub(crate) struct Backdating(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    minute: i64,
    by: HashMap<Reporter, usize>,
}

impl Backdating {
    /// Counts the minutes of the past among the times of a reporter's views.
    ///
    /// # Errors
    /// 429 `too_many_past_minutes`; then nothing was counted.
    pub(crate) fn admit(
        &self,
        reporter: Reporter,
        times: impl Iterator<Item = DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let minute = |time: DateTime<Utc>| time.timestamp().div_euclid(60);
        if reporter == Reporter::Superuser {
            return Ok(());
        }
        let mut past: Vec<i64> = times.filter(|time| *time < now - LATE).map(minute).collect();
        past.sort_unstable();
        past.dedup();
        if past.is_empty() {
            return Ok(());
        }
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.minute != minute(now) {
            *used = Used { minute: minute(now), by: HashMap::new() };
        }
        let mine = used.by.entry(reporter).or_default();
        if *mine > 0 && *mine + past.len() > AMOUNT {
            let wait = 60 - u32::try_from(now.timestamp().rem_euclid(60)).unwrap_or(0);
            let detail = "Page views span too many past minutes; send the rest after Retry-After seconds.";
            return Err(Problem::too_many("too_many_past_minutes", detail, wait));
        }
        *mine += past.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn a_reporter_has_so_many_minutes_of_the_past_in_a_minute() {
        let backdating = Backdating::default();
        let now: DateTime<Utc> = "2026-01-31T09:30:20Z".parse().expect("a time");
        let ago = |minutes: i64| now - TimeDelta::minutes(minutes);
        let one = Reporter::User(1);
        let admit = |reporter, minutes: std::ops::Range<i64>, now| backdating.admit(reporter, minutes.map(ago), now);
        // What is late costs nothing, and the same minutes again cost as much as others: they are blocks of their own.
        for _ in 0..2_000 {
            admit(one, 0..15, now).expect("late");
        }
        admit(one, 100..700, now).expect("600");
        admit(one, 100..500, now).expect("1,000");
        let refusal = admit(one, 5_000..5_001, now).expect_err("too many");
        assert_eq!(refusal.code(), "too_many_past_minutes");
        assert_eq!(refusal.into_response_for(None).headers()[RETRY_AFTER], "40");
        admit(one, 0..15, now).expect("late");
        admit(Reporter::User(2), 100..10_000, now).expect("the first may have what it has");
        admit(Reporter::Superuser, 100..10_000, now).expect("superusers have any");
        admit(one, 100..1_100, now + TimeDelta::seconds(40)).expect("another minute");
    }
}
