//! Arrays, maps, nested objects, open and closed objects.

use serde_json::{Value, json};

use crate::exchange::{Got, post, with};

async fn echoed(path: &str, body: Value) {
    assert_eq!(post(path).json(&body).send().await.accepted(200), body);
}

async fn array(member: &str, value: Value) -> Got {
    post("/sink/arrays").json(&with(&json!({"words": ["a"]}), member, value)).send().await
}

#[tokio::test]
async fn sizes_of_arrays() {
    echoed("/sink/arrays", json!({"words": ["a", "a", "b"]})).await;
    echoed("/sink/arrays", json!({"words": ["a"], "distinct_words": [], "matrix": []})).await;
    array("words", json!([])).await.violates("body", "#/words", "too_few_items");
    array("words", json!(["a", "b", "c", "d"])).await.violates("body", "#/words", "too_many_items");
    array("words", json!(["a", "B"])).await.violates("body", "#/words/1", "pattern_mismatch");
    array("words", json!([null])).await.violates("body", "#/words/0", "null_not_allowed");
    for value in [json!("a"), json!({"0": "a"}), json!(1)] {
        array("words", value).await.violates("body", "#/words", "wrong_type");
    }
}

#[tokio::test]
async fn unique_items() {
    for (member, value) in [
        ("distinct_words", json!(["a", "A", "ä"])),
        ("distinct_numbers", json!([1, 2, 3])),
        ("distinct_things", json!([{"name": "a"}, {"name": "a", "id": 1}, {"name": "a", "note": ""}])),
    ] {
        array(member, value).await.accepted(200);
    }
    for (member, value) in [
        ("distinct_words", json!(["a", "b", "a"])),
        ("distinct_numbers", json!([1, 1])),
        ("distinct_numbers", json!([1, 1.0])),
        ("distinct_numbers", json!([0, -0.0])),
        ("distinct_things", json!([{"name": "a"}, {"name": "a"}])),
    ] {
        array(member, value).await.violates("body", &format!("#/{member}"), "duplicate_items");
    }
    let reordered =
        r#"{"words":["a"],"distinct_things":[{"id":1,"name":"a","note":"x"},{"note":"x","name":"a","id":1.0}]}"#;
    let got = post("/sink/arrays").body("application/json", reordered).send().await;
    got.violates("body", "#/distinct_things", "duplicate_items");
}

#[tokio::test]
async fn arrays_of_arrays() {
    echoed("/sink/arrays", json!({"words": ["a"], "matrix": [[0, 9], [9, 0]]})).await;
    array("matrix", json!([[1, 2], [3]])).await.violates("body", "#/matrix/1", "too_few_items");
    array("matrix", json!([[1, 2], [3, 4, 5]])).await.violates("body", "#/matrix/1", "too_many_items");
    array("matrix", json!([[1, 2], [3, 10]])).await.violates("body", "#/matrix/1/1", "too_large");
    array("matrix", json!([1])).await.violates("body", "#/matrix/0", "wrong_type");
}

#[tokio::test]
async fn a_body_may_be_an_array() {
    echoed("/sink/list", json!([{"name": "a"}, {"name": "b"}])).await;
    let list = async |body: Value| post("/sink/list").json(&body).send().await;
    list(json!([])).await.violates("body", "#", "too_few_items");
    list(vec![json!({"name": "a"}); 6].into()).await.violates("body", "#", "too_many_items");
    list(json!([{"name": "a"}, {}])).await.violates("body", "#/1/name", "required");
    list(json!({"name": "a"})).await.violates("body", "#", "wrong_type");
    list(Value::Null).await.violates("body", "#", "null_not_allowed");
}

#[tokio::test]
async fn maps() {
    let map = async |member: &str, value: Value| {
        post("/sink/maps").json(&with(&json!({"counts": {"a": 1}}), member, value)).send().await
    };
    echoed("/sink/maps", json!({"counts": {"": 0, "ä/~ b": 9, "__proto__": 1}})).await;
    echoed("/sink/maps", json!({"counts": {"a": 1}, "things": {}})).await;
    echoed("/sink/maps", json!({"counts": {"a": 1}, "things": {"x": {"name": "a"}}})).await;
    map("counts", json!({})).await.violates("body", "#/counts", "too_few_members");
    map("counts", json!({"a": 1, "b": 1, "c": 1, "d": 1})).await.violates("body", "#/counts", "too_many_members");
    map("counts", json!({"a": 10})).await.violates("body", "#/counts/a", "too_large");
    map("counts", json!({"a": "1"})).await.violates("body", "#/counts/a", "wrong_type");
    map("counts", json!([1])).await.violates("body", "#/counts", "wrong_type");
    map("things", json!({"x": {"name": "a", "y": 1}})).await.violates("body", "#/things/x/y", "unknown_member");
    // RFC 6901, 3 and 6: escaped for the pointer, then for the fragment.
    map("counts", json!({"a/b~c d%ä": 10})).await.violates("body", "#/counts/a~1b~0c%20d%25%C3%A4", "too_large");
}

#[tokio::test]
async fn objects_within_objects() {
    echoed("/sink/nested", json!({"inner": {"thing": {"name": "a"}}})).await;
    let nested = async |body: Value| post("/sink/nested").json(&body).send().await;
    nested(json!({"inner": {"thing": {}}})).await.violates("body", "#/inner/thing/name", "required");
    nested(json!({"inner": {}})).await.violates("body", "#/inner/thing", "required");
    nested(json!({"inner": []})).await.violates("body", "#/inner", "wrong_type");
    nested(json!({"inner": {"thing": {"name": "a", "id": 0}}})).await.violates("body", "#/inner/thing/id", "too_small");
}

#[tokio::test]
async fn an_object_may_hold_itself() {
    let tree = |depth: usize| {
        (0..depth).fold(json!({"name": "leaf"}), |child, _| json!({"name": "node", "children": [child]}))
    };
    let nested = |tree: Value| json!({"inner": {"thing": {"name": "a"}}, "tree": tree});
    echoed("/sink/nested", nested(tree(50))).await;
    let mut spoilt = tree(3);
    spoilt["children"][0]["children"][0]["name"] = json!("SPOILT");
    let got = post("/sink/nested").json(&nested(spoilt)).send().await;
    got.violates("body", "#/tree/children/0/children/0/name", "pattern_mismatch");
    // JSON is read to a depth of 128, whatever a schema would allow.
    post("/sink/nested").json(&nested(tree(100))).send().await.refused(400, "malformed_body");
}

#[tokio::test]
async fn closed_objects_name_what_they_do_not_know() {
    let strings = async |body: Value| post("/sink/strings").json(&body).send().await;
    strings(json!({"any": "", "is_superuser": true})).await.violates("body", "#/is_superuser", "unknown_member");
    strings(json!({"any": "", "ANY": ""})).await.violates("body", "#/ANY", "unknown_member");
    strings(json!({"any": "", "": 1})).await.violates("body", "#/", "unknown_member");
    // A long name is not repeated.
    strings(json!({"any": "", ("x".repeat(65)): 1})).await.violates("body", "#", "unknown_member");
    strings(json!([])).await.violates("body", "#", "wrong_type");
}

#[tokio::test]
async fn open_objects_keep_what_they_do_not_know() {
    echoed("/sink/open", json!({"name": "a", "x": [1, {"deep": [null, 1.5, "text", true]}], "": {}})).await;
    let open = async |body: Value| post("/sink/open").json(&body).send().await;
    open(json!({"name": "a"})).await.violates("body", "#", "too_few_members");
    open(json!({"name": "a", "b": 1, "c": 1, "d": 1, "e": 1})).await.violates("body", "#", "too_many_members");
    open(json!({"a": 1, "b": 1})).await.violates("body", "#/name", "required");
    open(json!({"name": 1, "b": 1})).await.violates("body", "#/name", "wrong_type");
    let big = r#"{"name":"a","big":18446744073709551615,"small":-9223372036854775808}"#;
    let got = post("/sink/open").body("application/json", big).send().await;
    assert_eq!(
        got.accepted(200).to_string(),
        r#"{"big":18446744073709551615,"name":"a","small":-9223372036854775808}"#
    );
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_and_their_number_is_bounded() {
    let got = post("/sink/strings").json(&json!({"two_to_four": "a", "day": 1, "b": 1})).send().await;
    got.refused(422, "validation_failed");
    for pointer in ["#/any", "#/two_to_four", "#/day", "#/b"] {
        assert!(got.points_at("body", pointer), "{pointer}: {}", got.text());
    }
    let many: Value = (0..1000).map(|n| (format!("member{n}"), json!(1))).collect();
    let problem = post("/sink/strings").json(&many).send().await.refused(422, "validation_failed");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(32));
}
