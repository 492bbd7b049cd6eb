//! `x-rate-limit`: what is counted when, and its header fields in responses. The numbers are read from the document, so that a
//! changed one changes what is expected here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use crate::exchange::{get, post};
use crate::sink::Sink;

const RATE: &str = "/sink/policies/rate";

fn limited() -> Router {
    kitchen_sink_api::router(Arc::new(Sink { counts: Some(Mutex::default()), ..Sink::default() }))
}

/// The limits of an operation at [`RATE`] in the document.
fn said(method: &str) -> Value {
    let document: Value = serde_json::from_str(kitchen_sink_api::DOCUMENT).expect("the document");
    document["paths"][RATE][method]["x-rate-limit"].clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[tokio::test]
async fn the_amount_of_the_document_is_the_threshold_and_is_told() {
    let (router, limit) = (limited(), said("get"));
    let (amount, window) = (number(&limit["amount"]), number(&limit["window-seconds"]));
    let policy = format!(r#""sink";q={amount};w={window}"#);
    for left in (0..amount).rev() {
        let got = get(RATE).token("of-user").send_to(&router).await;
        got.accepted(204);
        assert_eq!(got.head("ratelimit"), format!(r#""sink";r={left};t={window}"#));
        assert_eq!(got.head("ratelimit-policy"), policy);
        assert_eq!(got.head("retry-after"), "");
    }
    let got = get(RATE).token("of-user").send_to(&router).await;
    got.refused(429, "rate_limited");
    assert_eq!(got.head("retry-after"), window.to_string());
    assert_eq!(got.head("ratelimit"), format!(r#""sink";r=0;t={window}"#));
    assert_eq!(got.head("ratelimit-policy"), policy);
    get(RATE).token("of-superuser").send_to(&router).await.accepted(204);
}

#[tokio::test]
async fn who_is_refused_at_the_door_is_not_counted() {
    let (router, amount) = (limited(), number(&said("get")["amount"]));
    for _ in 0..amount {
        get(RATE).send_to(&router).await.refused(401, "missing_token");
        get(RATE).token("of-nobody").send_to(&router).await.refused(403, "insufficient_scope");
    }
    let got = get(RATE).token("of-user").send_to(&router).await;
    assert!(got.head("ratelimit").starts_with(&format!(r#""sink";r={};"#, amount - 1)), "{}", got.head("ratelimit"));
}

#[tokio::test]
async fn a_request_is_counted_before_its_body_is_read_and_also_when_it_is_bad() {
    let (router, amount) = (limited(), number(&said("post")[0]["amount"]));
    for left in (0..amount).rev() {
        let got = post(RATE).json(&json!({"name": 1})).send_to(&router).await;
        got.refused(422, "validation_failed");
        // For the other limit only the handler decides when it counts.
        assert_eq!(got.head("ratelimit"), format!(r#""sink-address";r={left};t=60"#));
    }
    let asked = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&asked);
    let endless = stream::poll_fn(move |_| {
        noted.store(true, Ordering::Relaxed);
        Poll::<Option<Result<Bytes, std::io::Error>>>::Pending
    });
    let got = post(RATE).chunks("application/json", Body::from_stream(endless)).send_to(&router).await;
    got.refused(429, "rate_limited");
    assert!(!asked.load(Ordering::Relaxed), "the body was asked for");
}

#[tokio::test]
async fn operations_without_a_limit_tell_of_none() {
    let got = get("/sink/policies/user").token("of-user").send_to(&limited()).await;
    got.accepted(200);
    assert_eq!((got.head("ratelimit"), got.head("ratelimit-policy")), ("", ""));
}
