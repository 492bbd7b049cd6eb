//! One line a request; the cause of a failure exactly once, beside the request it belongs to.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::response::Response;
use contract::Cause;
use http::Method;

/// Longer paths are cut in the log.
const LONGEST_PATH: usize = 256;

/// What is known of a request that was answered.
pub(crate) struct Entry<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'static str,
    pub(crate) method: &'a Method,
    /// Without the query: it may hold what nobody should read.
    pub(crate) path: &'a str,
    pub(crate) id: &'a str,
    pub(crate) elapsed: Duration,
    pub(crate) response: &'a Response,
}

/// Writes the line: failures of ours as errors, deliberate 503s as warnings, the rest as information.
pub(crate) fn write(entry: &Entry<'_>) {
    let Entry { service, operation, method, id, .. } = *entry;
    let status = entry.response.status();
    let path = entry.path.get(..LONGEST_PATH).unwrap_or(entry.path);
    let milliseconds = (entry.elapsed.as_secs_f64() * 1e6).round() / 1e3;
    let cause = entry.response.extensions().get::<Cause>().map(Chain);
    let cause = cause.as_ref().map(tracing::field::display);
    let code = status.as_u16();
    // `target` lets a filter treat these lines apart: RUST_LOG=info,access=warn.
    if !status.is_server_error() {
        tracing::info!(target: "access", service, operation, %method, path, status = code, milliseconds, request_id = id, cause);
    } else if status == http::StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(target: "access", service, operation, %method, path, status = code, milliseconds, request_id = id, cause);
    } else {
        tracing::error!(target: "access", service, operation, %method, path, status = code, milliseconds, request_id = id, cause);
    }
}

/// An error and what caused it, in one line.
struct Chain<'a>(&'a Cause);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.0.0)?;
        let mut source = self.0.0.source();
        while let Some(error) = source {
            write!(to, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
