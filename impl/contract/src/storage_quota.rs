//! `x-quotas`: how many things of a kind may be stored.
//!
//! The document declares the number and the code of the refusal; what is counted only a handler knows, so it counts, in
//! the statement that adds: two requests at once must not both be the last.

use http::StatusCode;

use crate::Problem;

/// A quota of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageQuota {
    /// Stable code of the refusal, such as `too_many_projects`.
    pub code: &'static str,
    /// How many there may be.
    pub amount: i64,
    /// What is counted, in words that follow a number: `projects of one user`.
    pub of: &'static str,
}

impl StorageQuota {
    /// 409: there are as many as there may be. What is there must go before more can come, so waiting does not help.
    pub fn exceeded(&self) -> Problem {
        let Self { code, amount, of } = self;
        Problem::new(StatusCode::CONFLICT, code, format!("The maximum is {amount} {of}."))
    }
}
