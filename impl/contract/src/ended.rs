//! The error responses to bodies that end early.

use std::io;

use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use wire::Ended;

use crate::problem::Problem;

impl From<Ended> for Problem {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::TooLarge(limit) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body is larger than the {limit} bytes this operation reads."),
            ),
            Ended::Late => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request was not received in time.")
                    .with_header(CONNECTION, HeaderValue::from_static("close"))
            }
            Ended::Incomplete(cause) => {
                Self::bad_request("incomplete_body", "The body is incomplete.").with_cause(cause)
            }
            Ended::Packed => Self::bad_request("malformed_body", "The body cannot be decoded by its Content-Encoding."),
        }
    }
}

impl Problem {
    /// Why a body could not be read to its end: 413, 400, or 500 for an error that is none of the body's.
    pub fn of_body(error: io::Error) -> Self {
        match error.downcast::<Ended>() {
            Ok(ended) => ended.into(),
            Err(other) => Self::internal(other),
        }
    }
}
