//! `x-idempotency`: what counts as the same request, and what a replay looks like.

use serde_json::{Value, json};

use crate::exchange::{Ask, Got, post};

const CREATE: &str = "/sink/policies/idempotent";

fn create(key: &str, body: &Value) -> Ask {
    post(CREATE).token("of-user").header("idempotency-key", key).json(body)
}

async fn created(key: &str, body: &str) -> Got {
    let request = post(CREATE).token("of-user").header("idempotency-key", key);
    request.body("application/json", body).send().await
}

async fn changed(key: &str, target: &str) -> Got {
    post(&format!("{CREATE}/{target}")).token("of-user").header("idempotency-key", key).send().await
}

#[track_caller]
fn is_replay_of(got: &Got, first: &Got) {
    assert_eq!(first.head("idempotent-replayed"), "");
    assert_eq!(got.head("idempotent-replayed"), "true", "{}", got.text());
    assert_eq!((got.status, &got.body), (first.status, &first.body));
    let mut headers = got.headers.clone();
    headers.remove("idempotent-replayed");
    assert_eq!(headers, first.headers);
}

#[tokio::test]
async fn the_key_keeps_the_rules_of_the_document() {
    let keyed = |key: &str| create(key, &json!({"name": "a"}));
    post(CREATE).token("of-user").json(&json!({"name": "a"})).send().await.violates(
        "header",
        "Idempotency-Key",
        "required",
    );
    keyed("").send().await.violates("header", "Idempotency-Key", "too_short");
    keyed("two words").send().await.violates("header", "Idempotency-Key", "pattern_mismatch");
    keyed(&"x".repeat(256)).send().await.violates("header", "Idempotency-Key", "too_long");
    keyed("a").header("idempotency-key", "b").send().await.violates("header", "Idempotency-Key", "duplicate");
    keyed(&"x".repeat(255)).send().await.accepted(201);
    let optional = post(&format!("{CREATE}/1")).token("of-user");
    assert_eq!(optional.send().await.status, 204);
}

#[tokio::test]
async fn the_same_request_is_answered_the_same() {
    let first = created("same", r#"{"name":"spoon","note":"n","id":1}"#).await;
    first.accepted(201);
    assert!(first.head("location").starts_with("/sink/things/"));
    for spelling in [
        r#"{"name":"spoon","note":"n","id":1}"#,
        r#"{"id":1,"note":"n","name":"spoon"}"#,
        " {\n \"id\" : 1.0,\t\"note\": \"n\" , \"name\":\"sp\\u006fon\"} ",
        r#"{"name":"spoon","note":"n","id":1e0}"#,
    ] {
        is_replay_of(&created("same", spelling).await, &first);
    }
    // Not a replay for another user, nor for another key.
    let body = json!({"name": "spoon", "note": "n", "id": 1});
    let other = create("other", &body).send().await;
    assert_eq!((other.status.as_u16(), other.head("idempotent-replayed")), (201, ""));
    let other = post(CREATE).token("of-superuser").header("idempotency-key", "same").json(&body).send().await;
    assert_eq!((other.status.as_u16(), other.head("idempotent-replayed")), (201, ""));
    assert_ne!(other.head("location"), first.head("location"));
}

#[tokio::test]
async fn another_request_of_the_same_key_is_refused() {
    created("once", r#"{"name":"spoon"}"#).await.accepted(201);
    for other in [r#"{"name":"spoons"}"#, r#"{"name":"spoon","note":"n"}"#, r#"{"name":"spoon","id":1}"#] {
        created("once", other).await.refused(422, "idempotency_key_reused");
    }
    changed("once", "1").await.refused(422, "idempotency_key_reused");
    // A request that never reached the handler is not stored.
    created("never", r#"{"name":1}"#).await.refused(422, "validation_failed");
    created("never", r#"{"name":"fork"}"#).await.accepted(201);
}

#[tokio::test]
async fn parameters_are_part_of_the_request() {
    let first = changed("parameters", "1?words=a&words=b").await;
    assert_eq!((first.status.as_u16(), first.head("idempotent-replayed")), (204, ""));
    is_replay_of(&changed("parameters", "1?words=%61&words=b").await, &first);
    for other in ["2?words=a&words=b", "1?words=b&words=a", "1?words=a", "1", "1?words=a&words=b&words=c"] {
        changed("parameters", other).await.refused(422, "idempotency_key_reused");
    }
    // The cache buster, which differs each time, does not count.
    let first = changed("pairs", "1?words=a&_=1").await;
    is_replay_of(&changed("pairs", "1?_=2&words=a").await, &first);
}

#[tokio::test]
async fn a_refusal_leaves_the_key_free() {
    for _ in 0..2 {
        let refused = created("refused", r#"{"name":"taken"}"#).await;
        refused.refused(409, "duplicate_name");
        assert_eq!(refused.head("idempotent-replayed"), "");
    }
    changed("refused", "404").await.refused(404, "thing_not_found");
    let first = created("refused", r#"{"name":"free"}"#).await;
    first.accepted(201);
    is_replay_of(&created("refused", r#"{"name":"free"}"#).await, &first);
}
