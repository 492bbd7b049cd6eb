//! Responses: headers, versions, streams, several successes, failures.

use serde_json::json;

use crate::exchange::{ask, get, post};

const THING: &str = "/sink/things/7";

#[tokio::test]
async fn a_version_is_named_and_recognised() {
    let got = get(THING).send().await;
    assert_eq!(got.accepted(200), json!({"id": 7, "name": "spoon"}));
    let tag = got.head("etag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_ne!(get("/sink/things/8").send().await.head("etag"), tag);
    for condition in
        [tag.clone(), format!("W/{tag}"), "*".into(), format!("\"other\", {tag}"), format!("\"a\",W/{tag} , \"b\"")]
    {
        let got = get(THING).header("if-none-match", &condition).send().await;
        assert_eq!((got.status.as_u16(), got.body.len()), (304, 0), "{condition}");
        assert_eq!(got.head("etag"), tag);
        assert!(!got.headers.contains_key("content-type"));
    }
    for condition in ["\"other\"", "W/\"other\"", "", tag.trim_matches('"')] {
        let got = get(THING).header("if-none-match", condition).send().await;
        assert_eq!(got.status, 200, "{condition}");
    }
    // A list may be in several header lines.
    for tags in [["\"other\"", &*tag], [&*tag, "\"other\""]] {
        let got = get(THING).header("if-none-match", tags[0]).header("if-none-match", tags[1]).send().await;
        assert_eq!(got.status, 304, "{tags:?}");
    }
    let long = get(THING).header("if-none-match", &"\"long\"".repeat(200)).send().await;
    long.violates("header", "If-None-Match", "too_long");
}

#[tokio::test]
async fn a_change_on_a_condition() {
    let tag = get(THING).send().await.head("etag").to_owned();
    let put = || ask("PUT", THING).token("of-user").json(&json!({"id": 7, "name": "fork"}));
    let got = put().send().await;
    assert_eq!(got.accepted(200), json!({"id": 7, "name": "fork"}));
    assert_ne!(got.head("etag"), tag);
    for condition in [tag.clone(), "*".into(), format!("\"other\", {tag}")] {
        put().header("if-match", &condition).send().await.accepted(200);
    }
    put().header("if-match", "\"other\"").header("if-match", &tag).send().await.accepted(200);
    for condition in ["\"other\"", "", &format!("W/{tag}")] {
        put().header("if-match", condition).send().await.refused(412, "precondition_failed");
    }
}

#[tokio::test]
async fn created_and_where() {
    let create = async |name: &str| post("/sink/things").token("of-user").json(&json!({"name": name})).send().await;
    let got = create("spoon").await;
    assert_eq!(got.accepted(201), json!({"name": "spoon"}));
    assert_eq!(got.head("location"), "/sink/things/1");
    create("taken").await.refused(409, "duplicate_name");
    let full = create("spare").await;
    full.refused(409, "too_many_things");
    assert!(full.text().contains("The maximum is 3 things of that name"), "{}", full.text());
    let deleted = ask("DELETE", THING).token("of-user").send().await;
    deleted.accepted(204);
    assert!(deleted.body.is_empty() && !deleted.headers.contains_key("content-type"));
    ask("DELETE", "/sink/things/404").token("of-user").send().await.refused(404, "thing_not_found");
}

#[tokio::test]
async fn failures_are_logged_not_told() {
    for name in ["panic", "lies"] {
        let got = post("/sink/things").token("of-user").json(&json!({"name": name})).send().await;
        got.refused(500, "internal_error");
        assert!(!got.text().contains("secret"), "{}", got.text());
    }
}

#[tokio::test]
async fn pages_say_how_to_go_on() {
    let list = async |query: &str| get(&format!("/sink/things?{query}")).send().await;
    let last = list("").await;
    assert_eq!(last.accepted(200).as_array().map(Vec::len), Some(3));
    for header in ["link", "x-total-count", "x-next-cursor"] {
        assert!(!last.headers.contains_key(header), "{header}");
    }
    let first = list("q=a%20b&skip=1&limit=2&count=true").await;
    assert_eq!(first.accepted(200).as_array().map(Vec::len), Some(2));
    assert_eq!(first.head("x-total-count"), "3");
    assert_eq!(first.head("x-next-cursor"), "bmV4dA");
    assert_eq!(first.head("link"), "<?q=a%20b&limit=2&count=true&cursor=bmV4dA>; rel=\"next\"");
    assert_eq!(list("limit=1&cursor=b2xk").await.head("link"), "<?limit=1&cursor=bmV4dA>; rel=\"next\"");
    list("limit=0").await.violates("query", "limit", "too_small");
    list("limit=1001").await.violates("query", "limit", "too_large");
    list("skip=-1").await.violates("query", "skip", "too_small");
    list("cursor=!").await.violates("query", "cursor", "pattern_mismatch");
    list("q=ab%00").await.violates("query", "q", "pattern_mismatch");
    list("q=ab").await.violates("query", "q", "too_short");
}

#[tokio::test]
async fn one_of_several_successes() {
    let several = async |status: u16| get(&format!("/sink/answers/several?status={status}")).send().await;
    assert_eq!(several(200).await.accepted(200), json!({"id": 1, "name": "spoon"}));
    let accepted = several(202).await;
    assert_eq!(accepted.accepted(202), json!({"text": "queued"}));
    assert_eq!(accepted.head("x-position"), "3");
    assert!(!accepted.headers.contains_key("x-urgent"));
    assert_eq!(several(203).await.head("x-urgent"), "true");
    let elsewhere = several(303).await;
    elsewhere.accepted(303);
    assert_eq!(elsewhere.head("location"), "/sink/things/1");
    several(418).await.refused(501, "not_implemented");
    several(199).await.violates("query", "status", "too_small");
}

#[tokio::test]
#[cfg_attr(not(debug_assertions), ignore = "a release answers what its handlers say")]
async fn a_status_the_document_does_not_know_is_a_failure_in_tests() {
    for status in [204, 301, 404, 409, 417] {
        let got = get(&format!("/sink/answers/several?status={status}")).send().await;
        got.refused(500, "internal_error");
    }
}

#[tokio::test]
#[cfg_attr(not(debug_assertions), ignore = "a release answers what its handlers say")]
async fn a_body_that_breaks_its_schema_is_a_failure_in_tests() {
    get("/sink/things/666").send().await.refused(500, "internal_error");
}

#[test]
fn every_operation_knows_its_responses() {
    for operation in kitchen_sink_api::OPERATIONS {
        let responses = operation.responses.expect("a table");
        let before = responses.violations();
        let refused = operation.refuse(contract::Problem::internal("a fault"), None);
        assert_eq!((refused.status().as_u16(), responses.violations()), (500, before), "{responses:?}");
    }
}

#[tokio::test]
async fn streams() {
    for (path, media, body) in [
        ("csv", "text/csv", "id,name\n1,spoon\n".as_bytes()),
        ("ndjson", "application/x-ndjson", b"{\"name\":\"spoon\"}\n{\"name\":\"fork\"}\n"),
        ("text", "text/plain", b"hello"),
        ("binary", "application/octet-stream", &[0, 255, 10]),
    ] {
        let got = get(&format!("/sink/answers/{path}")).send().await;
        assert_eq!((got.status.as_u16(), got.head("content-type")), (200, media));
        assert_eq!(got.body, body);
    }
}

#[tokio::test]
async fn events() {
    let got = get("/sink/answers/events").header("last-event-id", "7").send().await;
    assert_eq!((got.status.as_u16(), got.head("content-type")), (200, "text/event-stream"));
    assert_eq!(got.text(), "id: 8\nevent: thing\ndata: {}\n\nid: 9\nevent: thing\ndata: {}\n\n");
    let long = get("/sink/answers/events").header("last-event-id", &"7".repeat(65)).send().await;
    long.violates("header", "Last-Event-ID", "too_long");
}
