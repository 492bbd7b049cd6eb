//! `x-rate-limit`: how often an operation may be called, and the headers that report it.
//!
//! The document declares it; the service counts, see [`Api::admit`](crate::Api::admit). The header fields are
//! those of draft-ietf-httpapi-ratelimit-headers-10.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A limit of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Operations of one class and window count together; each compares the count with its own amount.
    pub class: &'static str,
    /// How many within any window.
    pub amount: u32,
    /// Seconds.
    pub window_seconds: u32,
    /// Whose requests are counted together.
    pub by: CountedBy,
    /// Requests beyond the amount are delayed, by a second at first and never longer than these seconds; 0: they are
    /// rejected.
    pub max_delay_seconds: u32,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountedBy {
    /// The caller's; requests without a token as by address.
    User,
    /// Those from an address.
    Address,
    /// Failed attempts at an account from one address. Which account that is only a handler knows, so it counts them.
    AccountAddress,
    /// Failed attempts at an account from all addresses it was not used from before. Never without a delay: the owner of the
    /// account must be able to log in, whatever others do.
    Account,
}

impl CountedBy {
    /// Whether a handler counts, and failures only.
    pub fn counts_failures(self) -> bool {
        matches!(self, Self::AccountAddress | Self::Account)
    }

    /// As the document writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
            Self::AccountAddress => "account-address",
            Self::Account => "account",
        }
    }
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Its class.
    pub class: &'static str,
    /// How many within any window.
    pub amount: u32,
    /// Seconds.
    pub window_seconds: u32,
    /// How many more.
    pub remaining: u32,
    /// Seconds until some of it comes back.
    pub reset_seconds: u32,
}

impl Problem {
    /// 429: at least one of these quotas is used up; try again when it has come back.
    pub fn rate_limited(quotas: &[Quota]) -> Self {
        let detail = "Rate limit exceeded; try again after Retry-After seconds.";
        let used_up = quotas.iter().filter(|quota| quota.remaining == 0);
        let wait = used_up.map(|quota| quota.reset_seconds).max().unwrap_or(1).max(1);
        let [(limit, left), (policy, allowed)] = fields(quotas);
        Self::too_many("rate_limited", detail, wait).with_header(limit, left).with_header(policy, allowed)
    }
}

/// Adds the headers with what is left, unless the response has them already.
pub(crate) fn tell(quotas: &[Quota], headers: &mut HeaderMap) {
    if !quotas.is_empty() && !headers.contains_key(RATE_LIMIT) {
        headers.extend(fields(quotas));
    }
}

fn fields(quotas: &[Quota]) -> [(HeaderName, HeaderValue); 2] {
    let (mut left, mut allowed) = (String::new(), String::new());
    for Quota { class, amount, window_seconds, remaining, reset_seconds } in quotas {
        let comma = if left.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(left, r#"{comma}"{class}";r={remaining};t={reset_seconds}"#);
        let _ = write!(allowed, r#"{comma}"{class}";q={amount};w={window_seconds}"#);
    }
    // Classes are kebab-case, the rest is numbers.
    let value = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    [(RATE_LIMIT, value(left)), (RATE_LIMIT_POLICY, value(allowed))]
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn the_longest_wait_of_what_is_used_up_is_the_one_to_wait() {
        let quota =
            |class, remaining, reset_seconds| Quota { class, amount: 5, window_seconds: 60, remaining, reset_seconds };
        let problem = Problem::rate_limited(&[quota("a", 0, 7), quota("b", 1, 50), quota("c", 0, 3)]);
        let headers = problem.into_response_for(None).headers().clone();
        assert_eq!(headers[RETRY_AFTER], "7");
        assert_eq!(headers[RATE_LIMIT], r#""a";r=0;t=7, "b";r=1;t=50, "c";r=0;t=3"#);
        assert_eq!(headers[RATE_LIMIT_POLICY], r#""a";q=5;w=60, "b";q=5;w=60, "c";q=5;w=60"#);
        let mut told = headers.clone();
        tell(&[quota("d", 1, 1)], &mut told);
        assert_eq!(told, headers, "what a refusal tells stays");
    }
}
