//! The error responses to a subject that exceeds its share.

use std::borrow::Cow;
use std::time::Duration;

use contract::Problem;

use crate::budget::Cost;

/// A pool rejected a request because of the subject's share, as an error that travels as a cause through the driver's error.
#[derive(Debug, thiserror::Error)]
#[error("the subject holds its share of {0} already")]
pub struct TooMany(pub &'static str);

/// 429: the subject has as much of a resource in use as it may; it is released soon.
pub(crate) fn too_many_at_once() -> Problem {
    let detail = "Too many concurrent requests; wait for some of them to finish.";
    refusal("too_many_concurrent_requests", detail, Duration::from_secs(1))
}

/// 429: the subject has not read too much of what was sent to it.
pub(crate) fn unread() -> Problem {
    let detail = "Too many unread responses; read them first, or request smaller ones.";
    refusal("too_many_unread_answers", detail, Duration::from_secs(5))
}

/// 429: the subject has as many event streams open as it may.
pub(crate) fn too_many_streams(most: u32) -> Problem {
    let detail = format!("Too many open event streams: the maximum is {most}; close some of them.");
    refusal("too_many_event_streams", detail, Duration::from_secs(30))
}

/// 429: the subject has exhausted a budget, and must wait for `wait`.
pub(crate) fn in_debt(cost: Cost, wait: Duration) -> Problem {
    let (code, detail) = match cost {
        Cost::Database => ("database_budget_exhausted", "Your requests exceeded the budget of database time."),
        Cost::Hashing => ("hashing_budget_exhausted", "Your requests exceeded the budget of password checks."),
        Cost::Processor => ("processor_budget_exhausted", "Your requests exceeded the budget of CPU time."),
        Cost::Bytes => ("bandwidth_budget_exhausted", "Your requests exceeded the budget of bandwidth."),
    };
    refusal(code, detail, wait)
}

fn refusal(code: &'static str, detail: impl Into<Cow<'static, str>>, wait: Duration) -> Problem {
    Problem::too_many(code, detail, u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1))
}
