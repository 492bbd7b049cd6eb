//! The access log, one line per request: who did what to which object, from where; the cause of a failure exactly once, in the
//! line of its request. Fields have the names of OpenTelemetry, as in the access log of the gateway; those without a value are left
//! out.

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
const MAX_PATH_BYTES: usize = 256;
/// Polled by monitoring; logged as debug events while they succeed.
const PROBES: [&str; 3] = ["health", "ready", "metrics"];

/// What is logged about a request and its response.
pub(crate) struct Entry<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'static str,
    /// The operation's path in its document.
    pub(crate) route: Option<&'static str>,
    pub(crate) method: &'a Method,
    /// With the ids in it, and without the query, which may hold confidential values.
    pub(crate) path: &'a str,
    pub(crate) id: &'a str,
    pub(crate) trace: Option<TraceContext>,
    /// The user of the token, or the user who logged in.
    pub(crate) user: Option<i64>,
    /// The client's address, from trusted proxies or the connection.
    pub(crate) client: Option<IpAddr>,
    pub(crate) elapsed: Duration,
    pub(crate) response: &'a Response,
}

/// Writes the line: 500s as errors, deliberate 503s as warnings, successful probes as debug events, the rest as
/// information.
pub(crate) fn write(entry: &Entry<'_>) {
    let Entry { service, operation, route, method, id, .. } = *entry;
    let status = entry.response.status();
    let path = entry.path.get(..MAX_PATH_BYTES).unwrap_or(entry.path);
    let seconds = (entry.elapsed.as_secs_f64() * 1e6).round() / 1e6;
    let cause = entry.response.extensions().get::<Cause>().map(Chain);
    let cause = cause.as_ref().map(tracing::field::display);
    let user = entry.user.map(tracing::field::display);
    let client = entry.client.map(tracing::field::display);
    let trace_id = entry.trace.map(TraceContext::trace_id);
    // The path of a creating request does not contain the id of the created object.
    let location = if status == StatusCode::CREATED { entry.response.headers().get(LOCATION) } else { None };
    let location = location.and_then(|location| location.to_str().ok());
    let code = status.as_u16();
    // `target` lets a filter select these lines: RUST_LOG=info,access=warn.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(target: "access", {
                service.name = service, operation, http.request.method = %method, http.route = route, url.path = path,
                http.response.status_code = code, http.response.header.location = location, enduser.id = user,
                client.address = client, duration_seconds = seconds, request_id = id, trace_id, error = cause
            }, "request completed")
        };
    }
    match status {
        StatusCode::SERVICE_UNAVAILABLE => line!(warn),
        status if status.is_server_error() => line!(error),
        _ if PROBES.contains(&operation) => line!(debug),
        _ => line!(info),
    }
}

/// An error and its causes, in one line.
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
