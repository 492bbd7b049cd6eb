//! Absent, null and present, for each combination of required and nullable; defaults.

use serde_json::{Value, json};

use crate::exchange::{ask, post, with};

const KINDS: [&str; 6] = ["string", "int", "time", "enum", "object", "array"];

fn present(kind: &str) -> Value {
    match kind {
        "string" => json!("text"),
        "int" => json!(1),
        "time" => json!("2026-02-28T17:00:00Z"),
        "enum" => json!("red"),
        "object" => json!({"name": "spoon"}),
        _ => json!(["spoon"]),
    }
}

/// Everything required, with a value.
fn base() -> Value {
    KINDS
        .iter()
        .flat_map(|kind| [(format!("rv_{kind}"), present(kind)), (format!("rn_{kind}"), present(kind))])
        .collect()
}

async fn comes_back(body: Value) {
    assert_eq!(post("/sink/nullables").json(&body).send().await.accepted(200), body);
}

#[tokio::test]
async fn present_null_and_absent_stay_apart() {
    comes_back(base()).await;
    for kind in KINDS {
        comes_back(with(&base(), &format!("rn_{kind}"), Value::Null)).await;
        comes_back(with(&base(), &format!("on_{kind}"), Value::Null)).await;
        comes_back(with(&base(), &format!("on_{kind}"), present(kind))).await;
        comes_back(with(&base(), &format!("ov_{kind}"), present(kind))).await;
    }
}

#[tokio::test]
async fn what_must_be_there_must_be_there() {
    for member in KINDS.iter().flat_map(|kind| [format!("rv_{kind}"), format!("rn_{kind}")]) {
        let mut body = base();
        body.as_object_mut().expect("an object").remove(&member);
        post("/sink/nullables").json(&body).send().await.violates("body", &format!("#/{member}"), "required");
    }
}

#[tokio::test]
async fn null_is_taken_only_where_the_document_says_so() {
    for member in KINDS.iter().flat_map(|kind| [format!("rv_{kind}"), format!("ov_{kind}")]) {
        let body = with(&base(), &member, Value::Null);
        post("/sink/nullables").json(&body).send().await.violates("body", &format!("#/{member}"), "null_not_allowed");
    }
}

#[tokio::test]
async fn limits_hold_for_nullable_values_too() {
    for (kind, value, at, code) in [
        ("string", json!("123456789"), "", "too_long"),
        ("int", json!(10), "", "too_large"),
        ("time", json!("yesterday"), "", "invalid_format"),
        ("enum", json!("purple"), "", "not_in_enum"),
        ("object", json!({"name": "SPOON"}), "/name", "pattern_mismatch"),
        ("object", json!({"name": "a", "b": 1}), "/b", "unknown_member"),
        ("array", json!(["a", "b", "c", "d"]), "", "too_many_items"),
        ("array", json!([null]), "/0", "null_not_allowed"),
    ] {
        for member in ["rv", "rn", "ov", "on"].map(|mode| format!("{mode}_{kind}")) {
            let body = with(&base(), &member, value.clone());
            post("/sink/nullables").json(&body).send().await.violates("body", &format!("#/{member}{at}"), code);
        }
    }
}

#[tokio::test]
async fn a_merge_patch_tells_absent_from_null() {
    for body in
        [json!({"note": null}), json!({"note": "text"}), json!({"color": null}), json!({"color": "red", "name": "a"})]
    {
        for media in ["application/merge-patch+json", "application/json"] {
            let got = ask("PATCH", "/sink/patch").body(media, body.to_string()).send().await;
            assert_eq!(got.accepted(200), body);
        }
    }
    let patch = async |body: Value| ask("PATCH", "/sink/patch").json(&body).send().await;
    patch(json!({"name": null})).await.violates("body", "#/name", "null_not_allowed");
    patch(json!({"color": "mauve"})).await.violates("body", "#/color", "not_in_enum");
    patch(json!({})).await.violates("body", "#", "too_few_members");
    patch(json!({"id": 1})).await.violates("body", "#/id", "unknown_member");
}

#[tokio::test]
async fn defaults_stand_in_for_what_is_absent() {
    let defaults = json!({"text": "hello", "whole": 7, "ratio": 0.5, "flag": true, "color": "red"});
    let echo = async |body: Value| post("/sink/defaults").json(&body).send().await;
    assert_eq!(echo(json!({})).await.accepted(200), defaults);
    for (member, value) in [
        ("text", json!("")),
        ("whole", json!(0)),
        ("ratio", json!(0.0)),
        ("flag", json!(false)),
        ("color", json!("blue")),
    ] {
        let body = json!({member: value});
        assert_eq!(echo(body).await.accepted(200), with(&defaults, member, value));
        let null = with(&json!({}), member, Value::Null);
        echo(null).await.violates("body", &format!("#/{member}"), "null_not_allowed");
    }
    echo(json!({"text": "123456789"})).await.violates("body", "#/text", "too_long");
}
