//! What becomes of a delivery by the outcome of an attempt.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use platform::jittered;
use reqwest::header::RETRY_AFTER;

/// `Retry-After` is honoured up to here.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A response; and how long it asks to wait.
    Response { status: u16, retry_after: Option<Duration> },
    /// No response in time.
    Timeout,
    /// The URL or its host must not be connected to.
    NotAllowed(String),
    /// No connection, or none that was good: the name, the network, the certificate, the protocol.
    Unreachable(String),
}

/// What is to be done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Delete,
    Retry(Duration),
    GiveUp,
}

impl Outcome {
    pub(crate) fn of_response(status: StatusCode, headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let value = headers.get(RETRY_AFTER).filter(|_| asks).and_then(|value| value.to_str().ok());
        Self::Response { status: status.as_u16(), retry_after: value.and_then(|value| retry_after(value, now)) }
    }

    /// What follows from it, after `failed` failed attempts before.
    pub(crate) fn next(&self, failed: usize, retries: &[Duration]) -> Next {
        let asked = match self {
            Self::Response { status: 200..=299, .. } => return Next::Delete,
            Self::Response { status: 410, .. } => return Next::GiveUp,
            Self::Response { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        match retries.get(failed + 1) {
            Some(pause) => Next::Retry(jittered(*pause).max(asked.min(MAX_RETRY_AFTER))),
            None => Next::GiveUp,
        }
    }

    /// The value of the label `outcome`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Response { status: 200..=299, .. } => "delivered",
            Self::Response { .. } => "rejected",
            Self::Timeout => "timeout",
            Self::NotAllowed(_) => "not_allowed",
            Self::Unreachable(_) => "unreachable",
        }
    }

    /// The status of the response, if there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Response { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What went wrong, for whoever operates the service.
    pub(crate) fn error(&self) -> String {
        match self {
            Self::Response { status, .. } => format!("status {status}"),
            Self::Timeout => "timeout".to_owned(),
            Self::NotAllowed(reason) => format!("not allowed: {reason}"),
            Self::Unreachable(reason) => format!("unreachable: {reason}"),
        }
    }
}

/// Seconds or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::RETRIES;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
        let now = DateTime::parse_from_rfc3339("2026-11-30T12:00:00Z").expect("a time").to_utc();
        let headers = retry_after.map(|value| (RETRY_AFTER, value.parse().expect("a value"))).into_iter().collect();
        Outcome::of_response(StatusCode::from_u16(status).expect("a status"), &headers, now)
    }

    #[test]
    fn two_hundreds_are_received_and_the_rest_is_not() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answered(status, None).next(0, &RETRIES), Next::Delete, "{status}");
        }
        for status in [301, 302, 307, 400, 401, 404, 409, 429, 500, 503, 599] {
            assert!(matches!(answered(status, None).next(0, &RETRIES), Next::Retry(_)), "{status}");
        }
        assert_eq!(answered(410, None).next(0, &RETRIES), Next::GiveUp);
        for outcome in [Outcome::Timeout, Outcome::NotAllowed(String::new()), Outcome::Unreachable(String::new())] {
            assert!(matches!(outcome.next(0, &RETRIES), Next::Retry(_)), "{outcome:?}");
        }
    }

    #[test]
    fn attempts_are_ten_with_pauses_of_the_standard() {
        for (failed, pause) in RETRIES.iter().enumerate().skip(1) {
            let Next::Retry(chosen) = Outcome::Timeout.next(failed - 1, &RETRIES) else { panic!("after {failed}") };
            assert!((*pause / 2..=*pause).contains(&chosen), "after {failed}: {chosen:?}");
        }
        assert_eq!(Outcome::Timeout.next(9, &RETRIES), Next::GiveUp);
        assert_eq!(Outcome::Timeout.next(0, &[]), Next::GiveUp);
    }

    #[test]
    fn receivers_may_ask_for_a_longer_pause() {
        let pause = |status, value| match answered(status, Some(value)).next(1, &RETRIES) {
            Next::Retry(pause) => pause,
            next => panic!("{next:?}"),
        };
        let usual = |pause| (RETRIES[2] / 2..=RETRIES[2]).contains(&pause);
        for status in [429, 503] {
            assert_eq!(pause(status, "3600"), Duration::from_secs(3600));
            assert_eq!(pause(status, "Mon, 30 Nov 2026 13:00:00 GMT"), Duration::from_secs(3600));
            assert_eq!(pause(status, "99999999999999999999999999"), DAY);
            assert_eq!(pause(status, "Mon, 30 Nov 2099 13:00:00 GMT"), DAY);
            for shorter in ["0", "1", "Mon, 30 Nov 2020 13:00:00 GMT", "", "-1", "soon"] {
                assert!(usual(pause(status, shorter)), "{shorter}");
            }
        }
        assert!(usual(pause(500, "3600")), "only what is busy or away may ask");
        assert_eq!(answered(503, Some("3600")).next(9, &RETRIES), Next::GiveUp, "no attempt is left");
    }
}
