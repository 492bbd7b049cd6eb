//! A response that breaks its document, as it is reported.

use std::fmt;

use validation::{FieldError, Place};

/// How a response breaks its document. It repeats no value of the response.
#[derive(Debug, Clone, Copy)]
pub struct Violation<'a> {
    /// `operationId`
    pub operation: &'static str,
    /// The status of the response.
    pub status: u16,
    /// What was found first: a place in the body (of a stream: in `#/N` its N-th element), or a header; and the rule that it breaks.
    pub error: &'a FieldError,
    /// The id of the request.
    pub request_id: Option<&'a str>,
}

impl Violation<'_> {
    /// `#/0/name` of the body, or the name of a header.
    pub fn place(&self) -> &str {
        self.error.pointer.as_deref().or(self.error.parameter.as_deref()).unwrap_or("#")
    }
}

impl fmt::Display for Violation<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, status, error, .. } = self;
        let part = if error.place == Place::Header { "header" } else { "body" };
        write!(
            to,
            "{operation} broke its document: {status}, {part} {}: {}: {}",
            self.place(),
            error.code,
            error.detail
        )
    }
}
