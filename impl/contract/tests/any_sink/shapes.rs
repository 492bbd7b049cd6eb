//! Unions, recursion, and keywords that generated calls do not validate.

use serde_json::{Value, json};

use super::{Got, post};

async fn shape(body: Value) -> Got {
    post("/v2/shapes?api_key=sesame", "application/json", body.to_string()).await
}

async fn everything(body: &str) -> Got {
    post("/v2/everything", "application/json", body).await
}

#[tokio::test]
async fn what_is_only_written_is_required_of_requests() {
    let draft = async |body: &str| post("/v2/drafts", "application/json", body).await;
    assert_eq!(draft(r#"{"title":"a","secret":"b"}"#).await.json(200), json!({"id": 2, "title": "a"}));
    draft(r#"{"title":"a"}"#).await.violates("required");
}

#[tokio::test]
async fn a_union_is_an_enum_and_several_successes_are_variants() {
    let circle = json!({"kind": "circle", "radius": 0.25});
    assert_eq!(shape(circle.clone()).await.json(200), circle);
    let square = json!({"kind": "square", "side": 2, "label": null, "more": [1]});
    let got = shape(square.clone()).await;
    assert_eq!(got.json(201), square, "null and unknown members are kept");
    assert_eq!(got.headers["location"], "/v2/shapes/1");
    shape(json!({"kind": "circle", "radius": 0})).await.json(422);
}

#[tokio::test]
async fn mistakes_have_the_shape_of_the_document() {
    let got = shape(json!({"kind": "circle", "radius": 101})).await;
    assert_eq!(got.json(418), json!({"error": "too_round", "message": "No shape is that round."}));
    let got = shape(json!({"kind": "triangle"})).await;
    let told = got.json(422);
    assert_eq!(told["error"], "validation_failed");
    assert!(told["message"].is_string() && told.get("type").is_none(), "{told}");
    assert_eq!(got.headers["content-type"], "application/json");
    let got = post("/v2/shapes?api_key=wrong", "application/json", "{}").await;
    assert_eq!(got.json(401)["error"], "invalid_credentials");
}

#[tokio::test]
async fn recursive_types_are_read_and_written() {
    let tree = json!({"name": "a", "left": {"name": "b"}, "leaves": [{"name": "c", "right": {"name": "d"}}]});
    assert_eq!(post("/v2/trees", "application/json", tree.to_string()).await.json(200), tree);
    post("/v2/trees", "application/json", r#"{"name":"a","left":{"name":"b","left":{}}}"#).await.violates("required");
    let list = json!([[], [[], [[]]]]);
    assert_eq!(post("/v2/lists", "application/json", list.to_string()).await.json(200), list);
    post("/v2/lists", "application/json", "[[1]]").await.violates("wrong_type");
}

#[test]
fn depth_is_what_the_document_says_on_a_usual_stack() {
    let tree = |levels: usize| {
        format!(r#"{}{{"name":"a"}}{}"#, r#"{"name":"a","left":"#.repeat(levels - 1), "}".repeat(levels - 1))
    };
    let ask = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for (levels, status) in [(256, 200), (257, 400)] {
                assert_eq!(post("/v2/trees", "application/json", tree(levels)).await.status, status, "{levels}");
            }
        });
    };
    // That of the runtime's threads.
    std::thread::Builder::new().stack_size(2 << 20).spawn(ask).expect("a thread").join().expect("no overflow");
}

#[tokio::test]
async fn direction_decides_which_members_are_required() {
    let got = post("/v2/accounts", "application/json", r#"{"name":"Ada","password":"secret"}"#).await;
    assert_eq!(got.json(201), json!({"id": 1, "name": "Ada"}));
    post("/v2/accounts", "application/json", r#"{"name":"Ada"}"#).await.violates("required");
}

#[tokio::test]
async fn what_schemas_say_is_kept_to_the_letter() {
    for valid in [
        r"{}",
        r#"{"pattern":"a/b"}"#,
        r#"{"media":"*/*"}"#,
        r#"{"media":"tab\there"}"#,
        r#"{"media":""}"#,
        r#"{"exact":5629499534213.12}"#,
        r#"{"some":[1,"a"],"pair":["a",1]}"#,
        r#"{"codes":{"c-1":1}}"#,
        r#"{"counts":{"all":1,"other":2}}"#,
        r#"{"empty":{}}"#,
        r#"{"mixed":true}"#,
        r#"{"either":"2026-01-02"}"#,
        r#"{"either":3}"#,
        r#"{"type":"a","self":"b"}"#,
        r#"{"exampleOf":{"example":3}}"#,
        r##"{"color":"#f00"}"##,
        r#"{"nothing":null}"#,
        r#"{"not-a-number":"text"}"#,
        r#"{"additional":true}"#,
    ] {
        let got = everything(valid).await;
        let wanted: Value = serde_json::from_str(valid).expect("JSON");
        assert_eq!(got.json(200), wanted);
    }
    for (invalid, code) in [
        (r#"{"pattern":"a"}"#, "pattern_mismatch"),
        (r#"{"media":"tab here"}"#, "not_in_enum"),
        (r#"{"exact":5629499534213.125}"#, "not_a_multiple"),
        (r#"{"big":"short"}"#, "too_short"),
        (r#"{"some":["a"]}"#, "not_contained"),
        (r#"{"some":[1,2,3]}"#, "too_many_contained"),
        (r#"{"codes":{"d":1}}"#, "unknown_member"),
        (r#"{"codes":{"c-1":"1"}}"#, "wrong_type"),
        (r#"{"counts":{"other":1}}"#, "required"),
        (r#"{"counts":{"all":-1}}"#, "too_small"),
        (r#"{"empty":{"a":1}}"#, "unknown_member"),
        (r#"{"mixed":1.5}"#, "wrong_type"),
        (r#"{"type":"a"}"#, "required"),
        (r#"{"pair":["a",1]}"#, "dependent_required"),
        (r#"{"exampleOf":{"example":4}}"#, "not_a_multiple"),
        (r#"{"nothing":1}"#, "wrong_type"),
        (r#"{"not-a-number":1}"#, "not_allowed"),
        (r#"{"additional":1}"#, "wrong_type"),
    ] {
        everything(invalid).await.violates(code);
    }
    // No branch, or not as many items as there are places for.
    for invalid in [r#"{"either":"tomorrow"}"#, r#"{"some":[1],"pair":["a",1,2]}"#] {
        everything(invalid).await.json(422);
    }
}
