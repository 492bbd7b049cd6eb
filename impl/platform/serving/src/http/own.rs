//! The endpoints that every service has besides its operations.

use std::sync::OnceLock;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use contract::{Operation, Problem};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use platform_admission::for_everybody;
use platform_telemetry::Metrics;
use serde::Serialize;

use super::accept::asks_for;
use super::docs::Docs;
use super::exposition::classic;
use super::readiness::Checks;
use super::refusals::{method_not_allowed, not_found};
use super::request::without_slash;

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    service: &'a str,
    version: &'a str,
}

/// Health, metrics, the document and the page that shows it.
pub(super) struct Own {
    health: Bytes,
    docs: Docs,
    pub(super) checks: Checks,
    pub(super) metrics: Metrics,
    /// Paths of operations that go before these endpoints.
    declared: OnceLock<Vec<&'static str>>,
}

impl Own {
    pub(super) fn new(service: &str, version: &str, document: &'static str, checks: Checks, metrics: Metrics) -> Self {
        // Two strings and a constant: serializing them into memory cannot fail.
        let health = serde_json::to_vec(&Health { status: "ok", service, version }).unwrap_or_default().into();
        Self { health, docs: Docs::new(document, service), checks, metrics, declared: OnceLock::new() }
    }

    /// Leaves the paths of operations to them, except those that the system itself calls.
    pub(super) fn yield_to(&self, operations: &[&'static Operation]) {
        let paths = operations.iter().map(|operation| operation.path);
        let _ = self.declared.set(paths.filter(|path| !matches!(*path, "/health/ready" | "/metrics")).collect());
    }

    /// The response, and its name in the metrics. Never shed: it has to report the overload.
    pub(super) async fn respond(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<(&'static str, Result<Response, Problem>)> {
        if self.declared.get().is_some_and(|declared| declared.contains(&path)) {
            return None;
        }
        let (path, slashed) = without_slash(path).map_or((path, false), |path| (path, true));
        let (label, file) = match path {
            "/" => ("root", ""),
            "/health" => ("health", ""),
            "/health/ready" => ("ready", ""),
            "/metrics" => ("metrics", ""),
            "/openapi.json" => ("openapi", ""),
            "/favicon.ico" => ("docs", "favicon-32x32.png"),
            "/docs" => ("docs", ""),
            _ => ("docs", path.strip_prefix("/docs/")?),
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            let allow = HeaderValue::from_static("GET, HEAD");
            return Some((label, Err(method_not_allowed().with_header(ALLOW, allow))));
        }
        let answer = match label {
            "root" => Ok(Docs::redirect()),
            "health" => Ok(json(StatusCode::OK, self.health.clone())),
            "ready" => {
                // Independent of the load from the client's address.
                let (status, report) = for_everybody(self.checks.report()).await;
                let answer = serde_json::to_vec(&report).map(|body| json(status, body)).map_err(Problem::internal);
                answer.map(|mut answer| {
                    if status == StatusCode::SERVICE_UNAVAILABLE {
                        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                    }
                    answer
                })
            }
            "metrics" => self.measurements(headers),
            "openapi" => Ok(self.docs.document(headers)),
            _ if file.is_empty() => Ok(self.docs.page(slashed)),
            _ => self.docs.file(file).ok_or_else(not_found),
        };
        Some((label, answer))
    }

    fn measurements(&self, headers: &HeaderMap) -> Result<Response, Problem> {
        let text = self.metrics.encode().map_err(Problem::internal)?;
        let (text, kind) = if asks_for(headers, "application/openmetrics-text", "text/plain") {
            (text, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        } else {
            (classic(&text), "text/plain; version=0.0.4; charset=utf-8")
        };
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        Ok(response)
    }
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
