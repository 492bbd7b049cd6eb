//! The error responses that do not come from an operation.

use axum::response::Response;
use contract::Problem;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

/// 400: the request could not be parsed.
pub(crate) fn malformed() -> Problem {
    Problem::bad_request("malformed_request", "Malformed HTTP/1.1 request.")
}

/// 404: no such path.
pub(crate) fn not_found() -> Problem {
    Problem::not_found("not_found", "Resource not found.")
}

/// 405; the caller adds `Allow`.
pub(crate) fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed for this path; see Allow.")
}

/// 408: the client took too long to send the body.
pub(crate) fn late() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body was not received in time.")
        .with_header(CONNECTION, HeaderValue::from_static("close"))
}

/// 431: too many or too large header fields.
pub(crate) fn headers_too_large() -> Problem {
    Problem::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        "Too many or too large header fields.",
    )
}

/// 414: a longer target than any operation accepts.
pub(crate) fn target_too_long() -> Problem {
    Problem::new(StatusCode::URI_TOO_LONG, "target_too_long", "The request target is too long.")
}

/// 501: CONNECT.
pub(crate) fn no_proxy() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "method_not_implemented", "This server is not a proxy.")
}

/// 503: shed.
pub(crate) fn overloaded() -> Problem {
    Problem::unavailable("overloaded", "The service is overloaded; try again.", 1)
}

/// The router's response, or a problem document instead of a bare error.
pub(crate) fn explained(response: Response) -> Result<Response, Problem> {
    match response.status() {
        _ if response.headers().contains_key(CONTENT_TYPE) => Ok(response),
        StatusCode::NOT_FOUND => Err(not_found()),
        StatusCode::METHOD_NOT_ALLOWED => Err(match response.headers().get(ALLOW) {
            Some(allow) => method_not_allowed().with_header(ALLOW, allow.clone()),
            None => method_not_allowed(),
        }),
        _ => Ok(response),
    }
}
