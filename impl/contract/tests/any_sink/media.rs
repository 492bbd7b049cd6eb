//! Bodies and responses of any media type.

use axum::body::Body;
use http::Request;
use serde_json::json;

use super::{get, post, send};

const MULTIPART: &str = "multipart/form-data; boundary=x";

fn form(parts: &[(&str, &str)]) -> String {
    let part = |(head, body): &(&str, &str)| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    parts.iter().map(part).collect::<String>() + "--x--\r\n"
}

const ABOUT: (&str, &str) = ("name=\"about\"\r\nContent-Type: application/json", r#"{"title":"Dots"}"#);
const PICTURE: (&str, &str) = ("name=\"pictures\"; filename=\"a.png\"\r\nContent-Type: image/png", "12345");

#[tokio::test]
async fn files_come_with_the_other_parts_or_the_same_as_json() {
    let got = post("/v2/uploads", MULTIPART, form(&[ABOUT, PICTURE, PICTURE])).await;
    assert_eq!(got.json(201), json!({"bytes": 10}));
    let got = post("/v2/uploads", "application/json", r#"{"title":"Dots"}"#).await;
    assert_eq!(got.json(201), json!({"bytes": 4}));
    post("/v2/uploads", MULTIPART, form(&[ABOUT])).await.json(422);
    post("/v2/uploads", MULTIPART, form(&[PICTURE])).await.violates("required");
    post("/v2/uploads", MULTIPART, form(&[("name=\"about\"", r#"{"title":""}"#), PICTURE])).await.violates("too_short");
    post("/v2/uploads", MULTIPART, form(&[ABOUT, PICTURE, ("name=\"more\"", "1")])).await.violates("unknown_member");
    let broken = form(&[ABOUT, PICTURE]).replace("--x--", "");
    assert_eq!(post("/v2/uploads", MULTIPART, broken).await.status, 400);
    assert_eq!(post("/v2/uploads", "text/plain", "Dots").await.status, 415);
}

#[tokio::test]
async fn a_form_is_held_against_its_schema_as_a_whole() {
    const COVER: (&str, &str) = ("name=\"cover\"; filename=\"c\"\r\nContent-Type: image/png", "1234567");
    const PAGE: (&str, &str) = ("name=\"pages\"; filename=\"p\"", "123");
    let send = async |parts: &[(&str, &str)]| post("/v2/albums", MULTIPART, form(parts)).await;
    // What is only read is not sent, what has no type is a file, and one file may stand for several.
    let got = send(&[PAGE, COVER, ("name=\"raw\"", "12"), ("name=\"size\"", "small"), ("name=\"extra\"", "7")]).await;
    let wanted =
        json!({"id": null, "cover": 7, "raw": 2, "pages": [3], "size": "small", "rows": null, "more": {"extra": 7}});
    assert_eq!(got.json(200), wanted);
    let rows = ("name=\"rows\"", "[1,2]");
    let got = send(&[PAGE, PAGE, rows, rows, ("name=\"size\"", "3")]).await.json(200);
    assert_eq!((&got["pages"], &got["rows"], &got["size"]), (&json!([3, 3]), &json!([[1, 2], [1, 2]]), &json!(3)));
    let preview = |content| ("name=\"preview\"; filename=\"p\"", content);
    send(&[PAGE, COVER, preview("123")]).await.json(200);
    for (parts, code) in [
        (&[COVER][..], "required"),
        (&[PAGE, preview("123")], "dependent_required"),
        (&[PAGE, COVER, preview("1")], "too_short"),
        (&[PAGE, COVER, preview("12345")], "too_long"),
        (&[PAGE, ("name=\"extra\"", "seven")], "wrong_type"),
        (&[PAGE, ("name=\"size\"", "huge")], "not_in_enum"),
        (&[PAGE, ("name=\"cover\"\r\nContent-Type: image/gif", "1")], "invalid_format"),
        (&[PAGE, COVER, COVER], "duplicate"),
        (
            &["a", "b", "c", "d", "e"]
                .map(|name| (Box::leak(format!("name=\"{name}\"").into_boxed_str()) as &str, "1"))
                .iter()
                .copied()
                .chain([PAGE])
                .collect::<Vec<_>>(),
            "too_many_members",
        ),
    ] {
        send(parts).await.violates(code);
    }
    assert_eq!(send(&[PAGE, PAGE, PAGE]).await.status, 422);
}

#[tokio::test]
async fn binary_bodies_are_streamed_within_their_limit() {
    let put = async |media: &str, size: usize| {
        let request = Request::put("/v2/pictures/a").header("content-type", media);
        send(request.body(Body::from(vec![7; size])).expect("a request")).await.status.as_u16()
    };
    assert_eq!(put("image/png", 2_000_000).await, 204);
    assert_eq!(put("image/png", 4_000_001).await, 413);
    assert_eq!(put("image/svg+xml", 3).await, 204);
    assert_eq!(put("text/csv", 3).await, 204);
    assert_eq!(put("text/plain", 3).await, 415);
}

#[tokio::test]
async fn an_answer_has_the_media_type_of_its_variant_and_errors_the_default_shape() {
    let got = get("/v2/pictures/dot", &[]).await;
    assert_eq!((&got.headers["content-type"], &*got.body), (&http::HeaderValue::from_static("image/png"), &b"png"[..]));
    assert_eq!(get("/v2/pictures/title", &[]).await.json(200), json!({"title": "Dot"}));
    let got = get("/v2/pictures/none", &[]).await;
    assert_eq!(got.json(404), json!({"error": "picture_not_found", "message": "There is no such picture."}));
}

#[tokio::test]
async fn rows_have_the_schema_of_one() {
    let got = post("/v2/rows", "application/x-ndjson", "{\"title\":\"a\"}\n{\"title\":\"b\"}\n").await;
    assert_eq!(got.json(200), 2);
    post("/v2/rows", "application/x-ndjson", "{\"title\":\"a\"}\n{}\n").await.violates("required");
}

#[tokio::test]
async fn texts_and_forms_are_read_by_their_notation() {
    let got = post("/v2/texts", "text/plain; charset=iso-8859-1", [b'f', 0xFC, b'r']).await;
    assert_eq!(got.body, "für".as_bytes());
    post("/v2/texts", "text/plain", "a".repeat(21)).await.violates("too_long");
    let got = post("/v2/forms", "application/x-www-form-urlencoded", "tags=a,b%2Cc&point=%7B%22x%22%3A1%7D").await;
    assert_eq!(got.json(200), json!({"tags": ["a", "b,c"], "point": {"x": 1}}));
}
