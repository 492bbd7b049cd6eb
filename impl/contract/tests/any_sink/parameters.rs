//! Styles, places and paths.

use serde_json::json;

use super::{ask, get};

#[tokio::test]
async fn every_place_and_style_is_read() {
    let target = "/v2/search?filter[kind]=bird&filter[since]=2026-01-02&near=1.5|2&page=%7B%22size%22%3A10%7D&type=7";
    let got = get(target, &[("cookie", "other=1; session=abc"), ("x-trace", "a,1,b,2")]).await;
    let wanted = json!({
        "filter": {"kind": "bird", "since": "2026-01-02"}, "near": [1.5, 2.0], "page": 10, "type": 7, "session": "abc",
        "trace": {"a": "1", "b": "2"},
    });
    assert_eq!(got.json(200), wanted);
    assert_eq!(get("/v2/search?type=seven", &[]).await.json(200)["type"], "seven");
    get("/v2/search?filter[kind]=fish", &[]).await.violates("not_in_enum");
    get("/v2/search?near=1", &[]).await.violates("too_few_items");
    get("/v2/search?page=%7B%22size%22%3A101%7D", &[]).await.violates("too_large");
    get("/v2/search", &[("cookie", &format!("session={}", "a".repeat(41)))]).await.violates("too_long");
}

#[tokio::test]
async fn alternatives_of_objects_are_read_from_the_names_of_all() {
    let where_ = async |query: &str| get(&format!("/v2/places?{query}"), &[]).await;
    // A default that breaks its own schema is none.
    let wanted = json!({"where": {"city": "Bern"}, "accept": "x", "limit": null});
    assert_eq!(where_("city=Bern&accept=x").await.json(200), wanted);
    assert_eq!(where_("lat=1.5&lon=2").await.json(200)["where"], json!({"lat": 1.5, "lon": 2.0}));
    assert_eq!(where_("other=1").await.json(200)["where"], json!(null));
    where_("lat=1.5").await.json(422);
    where_("lat=1.5&lon=2&city=Bern").await.json(422);
}

#[tokio::test]
async fn paths_have_styles_and_any_characters() {
    let got = get("/v2/matrix/;x=1;y=2/.3,4", &[]).await;
    assert_eq!(got.json(200), json!({"point": {"x": 1, "y": 2}, "ids": [3, 4]}));
    get("/v2/matrix/;x=1;y=2/.3,3", &[]).await.violates("duplicate_items");
    get("/v2/%C3%BC%20b", &[]).await.json(204);
    get("/v2/%c3%bc%20%62", &[]).await.json(204);
}

#[tokio::test]
async fn a_parameter_may_be_part_of_a_segment_and_contain_a_delimiter() {
    assert_eq!(get("/v2/notes/n%2F123.json", &[]).await.json(200), "n/123");
    get("/v2/notes/n%2F12.json", &[]).await.violates("pattern_mismatch");
    assert_eq!(get("/v2/notes/n%2F123.yaml", &[]).await.status, 404);
}

#[tokio::test]
async fn head_and_options_are_operations_where_they_are_declared() {
    let got = ask("HEAD", "/v2/notes/n%2F123.json", &[]).await;
    assert_eq!(
        (&got.headers["x-size"], &got.headers["x-point"]),
        (&"5".parse().unwrap(), &r#"{"x":1}"#.parse().unwrap())
    );
    ask("OPTIONS", "/v2/notes/n%2F123.json", &[]).await.json(204);
}
