//! The kitchen sink of what documents of others may contain, through its generated router.

mod guarded;
mod media;
mod outgoing;
mod parameters;
mod shapes;
mod sink;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

static ROUTER: LazyLock<Router> = LazyLock::new(|| kitchen_sink_any_api::router(Arc::new(sink::Sink)));

/// A response.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    #[track_caller]
    fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).expect("JSON") }
    }

    /// Asserts a validation problem with this code somewhere.
    #[track_caller]
    fn violates(&self, code: &str) {
        let problem = self.json(422);
        let errors = problem["errors"].as_array().expect("errors");
        assert!(errors.iter().any(|error| error["code"] == code), "{code}: {problem}");
    }
}

async fn send(request: Request<Body>) -> Got {
    let (parts, body) = ROUTER.clone().oneshot(request).await.expect("infallible").into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
    Got { status: parts.status, headers: parts.headers, body }
}

async fn get(target: &str, headers: &[(&str, &str)]) -> Got {
    ask("GET", target, headers).await
}

async fn ask(method: &str, target: &str, headers: &[(&str, &str)]) -> Got {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Body::empty()).expect("a request")).await
}

async fn post(target: &str, media: &str, body: impl Into<Vec<u8>>) -> Got {
    let body = body.into();
    let request = Request::post(target).header("content-type", media).header("content-length", body.len());
    send(request.body(Body::from(body)).expect("a request")).await
}

#[test]
fn every_schema_of_the_document_is_valid() {
    kitchen_sink_any_api::SCHEMAS.load().expect("schemas");
}
