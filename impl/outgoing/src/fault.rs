//! Why a request cannot be made.

use std::fmt;

use validation::{FieldError, Place};

pub(crate) const NO_URL: &str = "Must be an absolute URL of http or https.";

/// Why a request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The client named a URL that is none: where it did.
    Url(FieldError),
    /// What the service sends is not as its document says, or its URL is none: the operation, and what is wrong.
    Broken {
        /// The webhook or callback.
        operation: &'static str,
        /// The first violation.
        error: FieldError,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, error) = match self {
            Self::Url(error) => ("the request", error),
            Self::Broken { operation, error } => (*operation, error),
        };
        let place = error.pointer.as_deref().or(error.parameter.as_deref()).unwrap_or("#");
        write!(to, "{whose} has no valid {:?} {place}: {}: {}", error.place, error.code, error.detail)
    }
}

impl std::error::Error for Fault {}

/// That the service itself has no URL.
pub(crate) fn no_url() -> FieldError {
    FieldError::parameter("invalid_format", Place::Path, Some("url"), NO_URL)
}
