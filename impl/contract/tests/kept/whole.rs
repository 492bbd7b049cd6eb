//! Statuses, headers, media types and bodies.

use contract::{Mode, Problem, Reply};
use http::StatusCode;
use serde_json::json;

use crate::answers::{Got, Report, THING, ask, under};

type Make = fn() -> Result<Reply, Problem>;

fn thing() -> Result<Reply, Problem> {
    Reply::new(200).header("x-count", 3)
}

fn good() -> Result<Reply, Problem> {
    thing()?.json(&json!({"id": 7, "name": "spoon"}))
}

fn body(body: &serde_json::Value) -> Result<Reply, Problem> {
    thing()?.json(body)
}

async fn get(mode: Mode, make: Make) -> Got {
    ask(mode, "GET", "/thing", make).await
}

/// Each breaks the document in one way: the status that is sent where it is not enforced, the place, the code.
const BREAKS: [(Make, u16, &str, &str); 32] = [
    (|| body(&json!({"id": 0})), 200, "#/id", "too_small"),
    (|| body(&json!({"id": 1, "inner": {"id": 1, "name": "longer than ten"}})), 200, "#/inner/name", "too_long"),
    (|| body(&json!({"name": "spoon"})), 200, "#/id", "required"),
    (|| body(&json!({"id": 1, "password": "leaked"})), 200, "#/password", "write_only"),
    (|| body(&json!({"id": 1, "inner": {"id": 1, "password": "leaked"}})), 200, "#/inner/password", "write_only"),
    (|| body(&json!({"id": 1, "secret": 1})), 200, "#/secret", "unknown_member"),
    (|| body(&json!(null)), 200, "#", "null_not_allowed"),
    (|| Ok(thing()?.bytes("application/json", "{\"id\": 1")), 200, "#", "invalid_json"),
    (|| Ok(thing()?.bytes("application/json", "")), 200, "#", "invalid_json"),
    (|| Ok(thing()?.bytes("application/vnd.thing+json; v=1", "{}")), 200, "#/id", "required"),
    (thing, 200, "#", "required"),
    (|| Ok(thing()?.bytes("text/plain", "longer")), 200, "#", "too_long"),
    (|| Ok(thing()?.bytes("text/html", "<p>")), 200, "Content-Type", "undeclared_media_type"),
    (|| Reply::new(200).json(&json!({"id": 7})), 200, "X-Count", "required"),
    (|| good()?.header("x-count", 10), 200, "X-Count", "too_large"),
    (|| good()?.header("x-count", "many"), 200, "X-Count", "wrong_type"),
    (|| good()?.header("x-flag", 1), 200, "X-Flag", "wrong_type"),
    (|| good()?.header("x-when", "today"), 200, "X-When", "invalid_format"),
    (|| good()?.header("x-tags", "red,green"), 200, "X-Tags", "not_in_enum"),
    (|| good()?.append_header("x-tags", "red,blue")?.append_header("x-tags", "red"), 200, "X-Tags", "too_many_items"),
    (|| good()?.header("x-color", "R=red"), 200, "X-Color", "wrong_type"),
    (|| good()?.header("x-color", "R,100"), 200, "X-Color", "invalid_format"),
    (|| good()?.header("x-meta", "{\"id\":0}"), 200, "X-Meta", "too_small"),
    (|| good()?.header("x-meta", "id"), 200, "X-Meta", "invalid_json"),
    (
        || good()?.append_header("set-cookie", "a=1")?.append_header("set-cookie", "b"),
        200,
        "Set-Cookie",
        "pattern_mismatch",
    ),
    (|| Ok(Reply::new(303)), 303, "Location", "required"),
    (|| Reply::new(204).json(&json!({"id": 7})), 204, "#", "unexpected_body"),
    (|| Reply::new(303).header("location", "/a")?.json(&json!(1)), 303, "#", "unexpected_body"),
    (|| Reply::new(502).json(&json!({})), 502, "#/message", "required"),
    (|| Reply::new(418).header("x-tea", "green")?.json(&json!({"a": "b"})), 418, "#/a", "wrong_type"),
    (|| Reply::new(418).header("x-tea", "red")?.json(&json!({"a": 1})), 418, "X-Tea", "not_in_enum"),
    (|| Err(Problem::not_found("unknown_thing", "No such thing.")), 404, "#/code", "not_in_enum"),
];

#[tokio::test]
async fn a_violation_is_a_500_where_the_document_is_enforced() {
    for (make, status, place, code) in BREAKS {
        let got = get(Mode::Enforce, make).await;
        assert_eq!((got.status, got.only()), (500, (place, code)), "{got:?}");
        assert!(got.body.0.contains("\"code\":\"internal_error\"") && !got.body.0.contains("leaked"), "{got:?}");
        let [report] = &*got.told else { unreachable!() };
        let request_id = Some("the-request".to_owned());
        let expected = Report { operation: "get_thing", status, place: place.into(), code, request_id };
        assert_eq!(*report, expected);
    }
}

#[tokio::test]
async fn a_violation_is_sent_and_counted_where_responses_are_sampled() {
    for (make, status, place, code) in BREAKS {
        let got = get(Mode::Sample(1.0), make).await;
        assert_eq!((got.status, got.only(), got.counted), (status, (place, code), 1), "{got:?}");
        let unchecked = get(Mode::Off, make).await;
        assert_eq!((unchecked.status, unchecked.body), (status, got.body));
    }
}

#[tokio::test]
async fn nothing_is_checked_where_that_is_off() {
    for (make, status, ..) in BREAKS {
        for mode in [Mode::Off, Mode::Sample(0.0)] {
            let got = get(mode, make).await;
            assert_eq!((got.status, got.told.len(), got.counted), (status, 0, 0), "{got:?}");
        }
    }
}

#[tokio::test]
async fn what_keeps_the_document_is_sent() {
    let kept: [(Make, u16); 17] = [
        (good, 200),
        (|| Ok(thing()?.bytes("application/vnd.thing+json; v=1", "{\"id\": 1}")), 200),
        (|| Ok(thing()?.bytes("text/plain; charset=utf-8", "12345")), 200),
        (|| Ok(thing()?.bytes("text/plain", "")), 200),
        (|| Ok(thing()?.bytes("image/png", vec![0, 255])), 200),
        (|| good()?.header("x-flag", true)?.header("x-when", "2026-01-31T09:30:00Z"), 200),
        (|| good()?.simple_header("x-tags", &["red", "blue"], false), 200),
        (|| good()?.append_header("x-tags", "red")?.append_header("x-tags", "blue"), 200),
        (|| good()?.header("x-color", "R=100"), 200),
        (|| good()?.header("x-meta", "{\"id\":1}"), 200),
        (|| good()?.header("x-either", 1), 200),
        (|| good()?.header("x-either", "1, 2"), 200),
        (|| good()?.append_header("set-cookie", "a=1")?.append_header("set-cookie", "b=2"), 200),
        (|| Ok(Reply::new(204)), 204),
        (|| Reply::new(303).header("location", "/a"), 303),
        (|| Reply::new(502).json(&json!({"message": ""})), 502),
        (|| Err(Problem::not_found("thing_not_found", "No such thing.")), 404),
    ];
    for (make, status) in kept {
        let got = get(Mode::Enforce, make).await;
        assert_eq!((got.status, got.told.len()), (status, 0), "{got:?}");
    }
}

#[tokio::test]
async fn refusals_are_answers_too() {
    let got = ask(Mode::Enforce, "GET", "/thing?short=long", good).await;
    assert_eq!((got.status, got.told.len()), (422, 0), "{got:?}");
    let refuse = || THING.refuse(Problem::new(StatusCode::CONFLICT, "taken", "Is taken."), None).status();
    for (mode, status) in [(Mode::Enforce, 500), (Mode::Sample(1.0), 409), (Mode::Off, 409)] {
        let _turn = under(mode).await;
        assert_eq!(refuse(), status);
    }
}

#[tokio::test]
async fn a_replay_is_an_answer_too() {
    let stored = || Reply::new(201).json(&json!({"id": 0}));
    let got = ask(Mode::Enforce, "POST", "/replayed", stored).await;
    assert_eq!((got.status, got.only()), (500, ("#/id", "too_small")));
    let got = ask(Mode::Sample(1.0), "POST", "/replayed", stored).await;
    assert_eq!((got.status, got.only()), (201, ("#/id", "too_small")));
    let undeclared = ask(Mode::Enforce, "POST", "/replayed", || Reply::new(200).json(&json!({"id": 1}))).await;
    assert_eq!((undeclared.status, undeclared.only()), (500, ("#", "undeclared_status")));
}

#[tokio::test]
async fn a_response_to_head_has_its_headers_only() {
    let got = ask(Mode::Enforce, "HEAD", "/head", thing).await;
    assert_eq!((got.status, got.told.len()), (200, 0), "{got:?}");
    let got = ask(Mode::Enforce, "HEAD", "/head", || Ok(Reply::new(200))).await;
    assert_eq!((got.status, got.only()), (500, ("X-Count", "required")));
}

#[tokio::test]
async fn a_sample_is_about_the_share_that_is_asked_for() {
    let mut found = 0;
    for _ in 0..2_000 {
        found += get(Mode::Sample(0.2), || body(&json!({"id": 0}))).await.told.len();
    }
    // Ten standard deviations.
    assert!((220..580).contains(&found), "{found}");
}
