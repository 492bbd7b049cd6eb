//! One request through the generated router, and assertions on its response.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::sink::Sink;

static ROUTER: LazyLock<Router> = LazyLock::new(|| kitchen_sink_api::router(Arc::new(Sink::default())));

/// A request builder.
pub struct Ask {
    request: Request<Body>,
    sent: Vec<String>,
}

pub fn get(target: &str) -> Ask {
    ask("GET", target)
}

pub fn post(target: &str) -> Ask {
    ask("POST", target)
}

pub fn ask(method: &str, target: &str) -> Ask {
    let request = Request::builder().method(method).uri(target).body(Body::empty()).expect("a request");
    let mut sent = Vec::new();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
    let segments = path.strip_prefix("/sink/path/").unwrap_or("").split('/');
    remember(&segments.chain(values).map(Value::from).collect(), &mut sent);
    Ask { request, sent }
}

impl Ask {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value_bytes = http::HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.request.headers_mut().append(name, value_bytes);
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// A JSON body, with its length.
    pub fn json(mut self, body: &Value) -> Self {
        remember(body, &mut self.sent);
        self.body("application/json", body.to_string())
    }

    /// A body of any type, with its length.
    pub fn body(mut self, media: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        remember(&Value::String(String::from_utf8_lossy(&body).into_owned()), &mut self.sent);
        self.request.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        *self.request.body_mut() = Body::from(body);
        self.header(CONTENT_TYPE.as_str(), media)
    }

    /// A body without a known length.
    pub fn chunks(mut self, media: &str, body: Body) -> Self {
        *self.request.body_mut() = body;
        self.header(CONTENT_TYPE.as_str(), media).header("transfer-encoding", "chunked")
    }

    pub async fn send(self) -> Got {
        self.send_to(&ROUTER).await
    }

    /// To another router than the shared one.
    pub async fn send_to(self, router: &Router) -> Got {
        let response = router.clone().oneshot(self.request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
        Got { status: parts.status, headers: parts.headers, body, sent: self.sent }
    }
}

/// Strings that would be recognized in a response.
fn remember(value: &Value, sent: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 5 => sent.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| remember(item, sent)),
        Value::Object(members) => members.values().for_each(|member| remember(member, sent)),
        _ => (),
    }
}

/// A response.
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    sent: Vec<String>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn head(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub fn accepted(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            return Value::Null;
        }
        assert_eq!(self.head("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Asserts a problem document with this status and code that repeats nothing of the request.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.head("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).expect("a problem document");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("urn:problem:{code}"));
        assert_eq!(problem["status"], status);
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')));
        // The values of an enum are from the document.
        let said = self
            .text()
            .split("Must be one of: ")
            .map(|rest| rest.split_once('"').map_or(rest, |(_, rest)| rest))
            .collect::<String>();
        for sent in &self.sent {
            assert!(!said.contains(sent.as_str()), "the answer repeats {sent:?}: {}", self.text());
        }
        problem
    }

    /// Asserts a validation problem with `code` at exactly one location: a pointer into the body, or the name of a parameter.
    #[track_caller]
    pub fn violates(&self, place: &str, at: &str, code: &str) {
        let problem = self.refused(422, "validation_failed");
        let errors = problem["errors"].as_array().expect("errors");
        let [error] = errors.as_slice() else { panic!("not one error: {problem}") };
        assert_eq!((error["in"].as_str(), error["code"].as_str()), (Some(place), Some(code)), "{problem}");
        assert!(is_at(error, at), "{problem}");
    }

    /// Whether some error of a validation problem has this location.
    pub fn points_at(&self, place: &str, at: &str) -> bool {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().any(|error| error["in"] == place && is_at(error, at))
    }
}

/// Whether an error has this location, in the right field.
fn is_at(error: &Value, at: &str) -> bool {
    let (named, other) = if error["in"] == "body" { ("pointer", "parameter") } else { ("parameter", "pointer") };
    error[named] == at && error.get(other).is_none()
}

/// `base` with one field set.
pub fn with(base: &Value, member: &str, value: Value) -> Value {
    let mut whole = base.clone();
    whole[member] = value;
    whole
}
