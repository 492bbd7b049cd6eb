//! `x-quotas`: how many things of a kind may be stored.
//!
//! The document declares the number and the error code; only a handler knows what is counted, so it counts, in the
//! statement that inserts: two concurrent requests must not both be the last.

use http::StatusCode;

use crate::Problem;

/// A quota of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageQuota {
    /// Stable error code, such as `too_many_projects`.
    pub code: &'static str,
    /// How many there may be.
    pub amount: i64,
    /// What is counted, in words that follow a number: `projects of one user`.
    pub of: &'static str,
}

impl StorageQuota {
    /// 409: the quota is exhausted. Existing objects must be deleted first, so waiting does not help.
    pub fn exceeded(&self) -> Problem {
        let Self { code, amount, of } = self;
        Problem::new(StatusCode::CONFLICT, code, format!("The maximum is {amount} {of}."))
    }
}
