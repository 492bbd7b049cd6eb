//! One line a request: who did what to which object, from where; the cause of a failure exactly once, beside the request it
//! belongs to.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::response::Response;
use contract::Cause;
use http::header::LOCATION;
use http::{Method, StatusCode};
use platform_telemetry::traces::TraceContext;

/// Longer paths are cut in the log.
const LONGEST_PATH: usize = 256;
/// Asked again and again by whoever watches, of no interest while they are answered well.
const PROBES: [&str; 3] = ["health", "ready", "metrics"];

/// What is known of a request that was answered.
pub(crate) struct Entry<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'static str,
    /// The operation's path in its document.
    pub(crate) route: Option<&'static str>,
    pub(crate) method: &'a Method,
    /// With the ids of what was asked for, and without the query: it may hold what nobody should read.
    pub(crate) path: &'a str,
    pub(crate) id: &'a str,
    pub(crate) trace: Option<TraceContext>,
    /// Whom the token belonged to, or who logged in.
    pub(crate) user: Option<i64>,
    /// Where the request came from, as far as proxies are believed.
    pub(crate) client: Option<IpAddr>,
    pub(crate) elapsed: Duration,
    pub(crate) response: &'a Response,
}

/// Writes the line: failures of ours as errors, deliberate 503s as warnings, the rest as information, and probes that found
/// everything well as debugging.
pub(crate) fn write(entry: &Entry<'_>) {
    let Entry { service, operation, route, method, id, user, .. } = *entry;
    let status = entry.response.status();
    let path = entry.path.get(..LONGEST_PATH).unwrap_or(entry.path);
    let milliseconds = (entry.elapsed.as_secs_f64() * 1e6).round() / 1e3;
    let cause = entry.response.extensions().get::<Cause>().map(Chain);
    let cause = cause.as_ref().map(tracing::field::display);
    let client = entry.client.map(tracing::field::display);
    let trace_id = entry.trace.map(TraceContext::trace_id);
    // What was made has no id in the path it was made by.
    let made = if status == StatusCode::CREATED { entry.response.headers().get(LOCATION) } else { None };
    let made = made.and_then(|location| location.to_str().ok());
    let code = status.as_u16();
    // `target` lets a filter treat these lines apart: RUST_LOG=info,access=warn.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(target: "access", service, operation, %method, route, path, made, status = code, user, client,
                milliseconds, request_id = id, trace_id, cause)
        };
    }
    match status {
        StatusCode::SERVICE_UNAVAILABLE => line!(warn),
        status if status.is_server_error() => line!(error),
        _ if PROBES.contains(&operation) => line!(debug),
        _ => line!(info),
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
