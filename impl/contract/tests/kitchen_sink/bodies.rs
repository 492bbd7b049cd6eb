//! Media types, forms, NDJSON, malformed texts, missing and oversized bodies.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::exchange::{Got, ask, post};

const FORM: &str = "application/x-www-form-urlencoded";
const NDJSON: &str = "application/x-ndjson";

async fn strings(media: &str, body: impl Into<Vec<u8>>) -> Got {
    post("/sink/strings").body(media, body).send().await
}

async fn form(body: &str) -> Got {
    post("/sink/form").body(FORM, body).send().await
}

async fn rows(body: &str) -> Got {
    post("/sink/rows").body(NDJSON, body).send().await
}

#[tokio::test]
async fn media_types() {
    for media in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json; charset=UTF8",
        "application/json;charset=\"UTF-8\"",
        "application/json ; profile=x",
    ] {
        strings(media, r#"{"any":""}"#).await.accepted(200);
    }
    for media in [
        "",
        "json",
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonx",
        "application/problem+json",
        "application/merge-patch+json",
        "application/json; charset=latin-1",
        "application/json, text/plain",
        FORM,
        NDJSON,
    ] {
        strings(media, r#"{"any":""}"#).await.refused(415, "unsupported_media_type");
    }
    let twice = post("/sink/strings").body("application/json", "{}").header("content-type", "application/json");
    twice.send().await.refused(415, "unsupported_media_type");
    post("/sink/form").json(&json!({"name": "a"})).send().await.refused(415, "unsupported_media_type");
    let nameless = post("/sink/strings").header("content-length", "2").send().await;
    nameless.refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn missing_bodies() {
    post("/sink/strings").send().await.refused(400, "missing_body");
    strings("application/json", "").await.refused(400, "missing_body");
    let chunks = post("/sink/strings").chunks("application/json", Body::empty());
    chunks.send().await.refused(400, "missing_body");
    post("/sink/optional-body").send().await.accepted(204);
    post("/sink/optional-body").body("application/json", "").send().await.accepted(204);
    let thing = json!({"name": "a"});
    assert_eq!(post("/sink/optional-body").json(&thing).send().await.accepted(200), thing);
    post("/sink/optional-body").json(&json!({})).send().await.violates("body", "#/name", "required");
    post("/sink/optional-body").json(&json!(null)).send().await.violates("body", "#", "null_not_allowed");
    post("/sink/optional-body").body("text/plain", "a").send().await.refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn broken_json() {
    let depth = 10_000;
    let deep_array = "[".repeat(depth) + &"]".repeat(depth);
    let deep_object = r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    for body in [
        " ",
        "{",
        r#"{"any":"text"#,
        r#"{"any":"text"}}"#,
        r#"{"any":"text"},{}"#,
        r#"{"any":"text",}"#,
        r#"{'any':'text'}"#,
        r#"{any:1}"#,
        r#"{"any":"\ud800"}"#,
        r#"{"any":"\udc00\ud800"}"#,
        r#"{"any":"\x41"}"#,
        "{\"any\":\"line\nbreak\"}",
        "// comment\n{}",
        r#"{"any":"first","any":"second"}"#,
        r#"{"any":"first","\u0061ny":"second"}"#,
        deep_array.as_str(),
        deep_object.as_str(),
    ] {
        strings("application/json", body).await.refused(400, "malformed_body");
    }
    for body in [b"{\"any\":\"\xff\"}".as_slice(), b"{\"any\":\"\xed\xa0\x80\"}", b"\xff\xfe{\0}\0", b"{\"\xff\":1}"] {
        strings("application/json", body).await.refused(400, "malformed_body");
    }
    let paired = strings("application/json", r#"{"any":"\ud83d\ude00"}"#).await;
    assert_eq!(paired.accepted(200), json!({"any": "😀"}));
    let nested = r#"{"inner":{"thing":{"name":"spoon","name":"spoon"}}}"#;
    post("/sink/nested").body("application/json", nested).send().await.refused(400, "malformed_body");
}

#[tokio::test]
async fn forms() {
    let whole = "name=spoon&whole=9&ratio=0.5&flag=true&color=blue&day=2026-02-28&words=one&words=two";
    let expected = json!({"name": "spoon", "whole": 9, "ratio": 0.5, "flag": true, "color": "blue", "day": "2026-02-28",
        "words": ["one", "two"]});
    assert_eq!(form(whole).await.accepted(200), expected);
    assert_eq!(form("%6eame=sp%6Fon&&words=one").await.accepted(200), json!({"name": "spoon", "words": ["one"]}));
    assert_eq!(form("name=a&ratio=1e-1").await.accepted(200), json!({"name": "a", "ratio": 0.1}));
    for (body, pointer, code) in [
        ("", "#/name", "required"),
        ("whole=1", "#/name", "required"),
        ("name", "#/name", "too_short"),
        ("name=Spoon", "#/name", "pattern_mismatch"),
        ("name=a+b", "#/name", "pattern_mismatch"),
        ("name=a&name=b", "#/name", "duplicate"),
        ("name=a&whole=1&whole=1", "#/whole", "duplicate"),
        ("name=a&whole=", "#/whole", "wrong_type"),
        ("name=a&whole=%2B1", "#/whole", "wrong_type"),
        ("name=a&whole=10", "#/whole", "too_large"),
        ("name=a&whole=99999999999999999999", "#/whole", "too_large"),
        ("name=a&ratio=inf", "#/ratio", "wrong_type"),
        ("name=a&ratio=1e999", "#/ratio", "wrong_type"),
        ("name=a&flag=1", "#/flag", "wrong_type"),
        ("name=a&flag=TRUE", "#/flag", "wrong_type"),
        ("name=a&color=mauve", "#/color", "not_in_enum"),
        ("name=a&day=yesterday", "#/day", "invalid_format"),
        ("name=a&words=a&words=B", "#/words/1", "pattern_mismatch"),
        ("name=a&words=a&words=b&words=c&words=d", "#/words", "too_many_items"),
        ("name=a&scope=all", "#/scope", "unknown_member"),
    ] {
        form(body).await.violates("body", pointer, code);
    }
    form("name=%ff").await.refused(400, "invalid_encoding");
    post("/sink/form").body(FORM, b"name=\xff".as_slice()).send().await.refused(400, "invalid_encoding");
    form(&"name=a&".repeat(10_000)).await.refused(413, "body_too_large");
    form(&"name=a&".repeat(1_000)).await.refused(400, "too_many_parameters");
}

#[tokio::test]
async fn rows_of_ndjson() {
    let expected = json!([{"name": "a"}, {"name": "b"}]);
    for body in [
        "{\"name\":\"a\"}\n{\"name\":\"b\"}",
        "{\"name\":\"a\"}\n{\"name\":\"b\"}\n",
        "{\"name\":\"a\"}\r\n\r\n  {\"name\" : \"b\"}\r\n\n",
    ] {
        assert_eq!(rows(body).await.accepted(200), expected);
    }
    assert_eq!(post("/sink/rows").json(&expected).send().await.accepted(200), expected);
    rows("{\"name\":\"a\"}\n{\"name\":\"B\"}").await.violates("body", "#/1/name", "pattern_mismatch");
    rows("{\"name\":\"a\"}\nnull").await.violates("body", "#/1", "null_not_allowed");
    rows("\n\n").await.violates("body", "#", "too_few_items");
    rows(&"{\"name\":\"a\"}\n".repeat(6)).await.violates("body", "#", "too_many_items");
    for body in [
        "{\"name\":\"a\"}{\"name\":\"b\"}",
        "{\"name\":\n\"a\"}",
        "[{\"name\":\"a\"}",
        "{\"name\":\"a\",\"name\":\"a\"}",
    ] {
        rows(body).await.refused(400, "malformed_body");
    }
    let second = rows("{\"name\":\"a\"}\n{").await.refused(400, "malformed_body");
    assert!(second["detail"].as_str().is_some_and(|detail| detail.contains("line 2")), "{second}");
}

#[tokio::test]
async fn rows_judged_one_by_one() {
    let each = async |body: &str| post("/sink/rows/each").body(NDJSON, body).send().await;
    let good = r#"{"name":"spoon"}"#;
    assert_eq!(each(good).await.accepted(200), json!({"accepted": 1, "rejected": []}));
    let verdict = each(&format!("{good}\n{{\"name\":\"Fork\",\"id\":0}}\n{good}\n{{\"name\":\"a\",\"b\":1}}"))
        .await
        .accepted(207);
    assert_eq!(verdict["accepted"], 2);
    let told: Vec<_> = verdict["rejected"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            assert_eq!(row["errors"].as_array().map(Vec::len), Some(1));
            (row["index"].as_i64(), row["errors"][0]["pointer"].as_str(), row["errors"][0]["code"].as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some(1), Some("#/1/id"), Some("too_small")),
            (Some(1), Some("#/1/name"), Some("pattern_mismatch")),
            (Some(3), Some("#/3/b"), Some("unknown_member")),
        ]
    );
    each("null\n{}").await.refused(422, "validation_failed");
    each("{}").await.violates("body", "#/0/name", "required");
    each("\n").await.violates("body", "#", "too_few_items");
    each(&format!("{good}\n").repeat(6)).await.violates("body", "#", "too_many_items");
    each(&format!("{good}\n{{")).await.refused(400, "malformed_body");
    let array = post("/sink/rows/each").json(&json!([{"name": "spoon"}, 1])).send().await;
    assert_eq!(array.accepted(207)["rejected"][0]["errors"][0]["pointer"], "#/1");
}

#[tokio::test]
async fn a_merge_patch_is_an_object() {
    let patch =
        async |body: &'static str| ask("PATCH", "/sink/patch").body("application/merge-patch+json", body).send().await;
    patch("[]").await.violates("body", "#", "wrong_type");
    patch("null").await.violates("body", "#", "null_not_allowed");
}

const SMALL: &str = "/sink/policies/small-body";

fn of_size(bytes: usize) -> String {
    let frame = r#"{"name":"a","fill":""}"#.len();
    json!({"name": "a", "fill": "x".repeat(bytes - frame)}).to_string()
}

#[tokio::test]
async fn bodies_are_bounded_by_what_is_announced() {
    post(SMALL).body("application/json", of_size(1024)).send().await.accepted(200);
    post(SMALL).body("application/json", of_size(1025)).send().await.refused(413, "body_too_large");
    // Rejected by its announced length: the body never comes.
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let announced = post(SMALL).chunks("application/json", never).header("content-length", "1025");
    announced.send().await.refused(413, "body_too_large");
    // Operations without a limit in the document read 64 KiB.
    strings("application/json", json!({"any": "x".repeat(70_000)}).to_string()).await.refused(413, "body_too_large");
}

fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 100]))))
}

#[tokio::test]
async fn bodies_are_bounded_by_what_arrives() {
    let pieces = |text: String| {
        let pieces: Vec<_> = text.into_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        Body::from_stream(stream::iter(pieces))
    };
    post(SMALL).chunks("application/json", pieces(of_size(1024))).send().await.accepted(200);
    post(SMALL).chunks("application/json", pieces(of_size(1025))).send().await.refused(413, "body_too_large");
    post(SMALL).chunks("application/json", endless()).send().await.refused(413, "body_too_large");
    // A wrong length does not help.
    let lied = post(SMALL).chunks("application/json", endless()).header("content-length", "10");
    lied.send().await.refused(413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let start = stream::iter([Ok(Bytes::from_static(br#"{"any":"#))]);
    let broken = start.chain(stream::iter([Err(std::io::Error::other("reset by peer"))]));
    let got = post("/sink/strings").chunks("application/json", Body::from_stream(broken)).send().await;
    got.refused(400, "incomplete_body");
}
