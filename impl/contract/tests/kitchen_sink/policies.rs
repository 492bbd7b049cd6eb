//! Authentication, deadlines, and the order in which a request is checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use crate::exchange::{Got, get, post};

/// A body that records whether it is read, and never ends.
fn watched() -> (Body, Arc<AtomicUsize>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&polls);
    let endless = stream::poll_fn(move |_| {
        noted.fetch_add(1, Ordering::Relaxed);
        Poll::<Option<Result<Bytes, std::io::Error>>>::Pending
    });
    (Body::from_stream(endless), polls)
}

async fn asked(policy: &str, authorization: Option<&str>) -> Got {
    let request = get(&format!("/sink/policies/{policy}"));
    match authorization {
        Some(value) => request.header("authorization", value).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn without_a_good_token_401_and_a_challenge() {
    for policy in ["user", "superuser", "rate"] {
        let got = asked(policy, None).await;
        got.refused(401, "missing_token");
        assert_eq!(got.head("www-authenticate"), "Bearer");
    }
    for authorization in [
        "Bearer",
        "Bearer ",
        "bearer of-somebody",
        "Basic dXNlcjpwYXNz",
        "of-user",
        "",
        "Bearer\tof-user",
        "Bearer of-user, Bearer x",
    ] {
        let got = asked("user", Some(authorization)).await;
        got.refused(401, "invalid_token");
        assert_eq!(got.head("www-authenticate"), r#"Bearer error="invalid_token""#);
    }
    let twice = get("/sink/policies/user").token("of-user").token("of-user").send().await;
    twice.refused(401, "invalid_token");
    let got = asked("user", Some("Bearer store-is-down")).await;
    got.refused(503, "database_unavailable");
    assert_eq!(got.head("retry-after"), "1");
}

#[tokio::test]
async fn a_good_token_says_who_asks() {
    for authorization in ["Bearer of-user", "bearer of-user", "BEARER  of-user "] {
        assert_eq!(asked("user", Some(authorization)).await.accepted(200), json!({"user_id": 1}));
    }
    assert_eq!(asked("superuser", Some("Bearer of-superuser")).await.accepted(200), json!({"user_id": 2}));
    asked("rate", Some("Bearer of-user")).await.accepted(204);
}

#[tokio::test]
async fn a_scope_too_few_is_403() {
    for (policy, token, scope) in
        [("superuser", "of-user", "superuser"), ("user", "of-nobody", "user"), ("optional", "of-nobody", "user")]
    {
        let got = asked(policy, Some(&format!("Bearer {token}"))).await;
        got.refused(403, "insufficient_scope");
        assert_eq!(got.head("www-authenticate"), format!(r#"Bearer error="insufficient_scope", scope="{scope}""#));
    }
}

#[tokio::test]
async fn an_optional_token_may_be_missing_but_not_bad() {
    assert_eq!(asked("optional", None).await.accepted(200), json!({"user_id": null}));
    assert_eq!(asked("optional", Some("Bearer of-user")).await.accepted(200), json!({"user_id": 1}));
    for authorization in ["Bearer of-somebody", "Basic dXNlcjpwYXNz", ""] {
        asked("optional", Some(authorization)).await.refused(401, "invalid_token");
    }
    // Where no token is needed it is ignored.
    assert_eq!(asked("public", Some("Bearer of-somebody")).await.accepted(200), json!({"user_id": null}));
}

#[tokio::test]
async fn who_asks_is_judged_before_anything_is_read() {
    let guarded = "/sink/policies/guarded-body";
    for (token, status, code) in
        [("", 401, "missing_token"), ("of-somebody", 401, "invalid_token"), ("of-nobody", 403, "insufficient_scope")]
    {
        let with_token = |request: crate::exchange::Ask| if token.is_empty() { request } else { request.token(token) };
        let (body, polls) = watched();
        with_token(post(guarded).chunks("application/json", body)).send().await.refused(status, code);
        assert_eq!(polls.load(Ordering::Relaxed), 0, "the body was asked for");
        for bad in ["{", "", r#"{"name":1}"#, &" ".repeat(100_000)] {
            with_token(post(guarded).body("text/plain", bad)).send().await.refused(status, code);
        }
        with_token(post(&format!("{guarded}?a=%ff"))).send().await.refused(status, code);
    }
    post(guarded).token("of-user").json(&json!({"name": "a"})).send().await.accepted(200);
    post(guarded).token("of-user").json(&json!({"name": 1})).send().await.violates("body", "#/name", "wrong_type");
}

#[tokio::test]
async fn the_media_type_is_judged_before_the_body_is_read() {
    let (body, polls) = watched();
    post("/sink/strings").chunks("text/plain", body).send().await.refused(415, "unsupported_media_type");
    assert_eq!(polls.load(Ordering::Relaxed), 0, "the body was asked for");
}

#[tokio::test]
async fn an_operation_has_a_deadline() {
    let deadline = async |ms: u32| get(&format!("/sink/policies/deadline?ms={ms}")).send().await;
    deadline(10).await.accepted(204);
    let began = Instant::now();
    let got = deadline(5000).await;
    got.refused(504, "deadline_exceeded");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    deadline(5001).await.violates("query", "ms", "too_large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let (body, polls) = watched();
    let got = post("/sink/policies/guarded-body").token("of-user").chunks("application/json", body).send().await;
    got.refused(408, "request_timeout");
    assert_ne!(polls.load(Ordering::Relaxed), 0);
}

#[test]
fn the_policies_of_the_document_are_the_policies_of_the_router() {
    let document: Value = serde_json::from_str(kitchen_sink_api::DOCUMENT).expect("the document");
    let defaults: Value = serde_json::from_str(include_str!("../../../../openapi/defaults.json")).expect("JSON");
    let or_default = |said: &Value, name: &str| said.as_u64().or(defaults[name].as_u64()).expect("a number");
    let mut known = 0;
    for operation in kitchen_sink_api::OPERATIONS {
        let said = &document["paths"][operation.path][operation.method.to_lowercase()];
        assert_eq!(said["operationId"], operation.id);
        let limit = or_default(&said["x-body-limit"], "body_limit");
        assert!(operation.body.as_ref().is_none_or(|body| body.limit as u64 == limit), "{}", operation.id);
        assert_eq!(operation.body.is_some(), said["requestBody"].is_object(), "{}", operation.id);
        let deadline = Duration::from_millis(or_default(&said["x-deadline-ms"], "deadline_ms"));
        assert_eq!(operation.deadline, deadline, "{}", operation.id);
        assert_eq!(json!(rate_limits(operation)), listed(&said["x-rate-limit"]), "{}", operation.id);
        let mut statuses: Vec<u16> =
            said["responses"].as_object().into_iter().flatten().filter_map(|(code, _)| code.parse().ok()).collect();
        statuses.sort_unstable();
        assert_eq!(operation.statuses.codes(), statuses, "{}", operation.id);
        known += 1;
    }
    let paths = document["paths"].as_object().expect("paths");
    let written: usize = paths
        .values()
        .filter_map(Value::as_object)
        .map(|item| item.keys().filter(|key| *key != "parameters").count())
        .sum();
    assert_eq!(known, written);
}

/// As in the document.
fn rate_limits(operation: &contract::Operation) -> Vec<Value> {
    let limits = operation.rate_limits.iter();
    limits
        .map(|limit| {
            let mut said = json!({"class": limit.class, "amount": limit.amount, "window-seconds": limit.window_seconds, "by": limit.by.name()});
            if limit.max_delay_seconds > 0 {
                said["max-delay-seconds"] = json!(limit.max_delay_seconds);
            }
            said
        })
        .collect()
}

/// A single limit is a list of one, none an empty list.
fn listed(limits: &Value) -> Value {
    match limits {
        Value::Null => json!([]),
        Value::Array(_) => limits.clone(),
        one => json!([one]),
    }
}
