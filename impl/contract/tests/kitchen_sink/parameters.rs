//! Parameters in path, query and headers; arrays in both styles; encodings.

use serde_json::{Value, json};

use crate::exchange::{Got, get};

const KEY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

async fn path(whole: &str, code: &str, key: &str, color: &str, day: &str) -> Got {
    get(&format!("/sink/path/{whole}/{code}/{key}/{color}/{day}")).send().await
}

#[tokio::test]
async fn in_the_path() {
    let echo = json!({"whole": -10, "code": "abc", "key": KEY, "color": "red", "day": "2026-02-28"});
    assert_eq!(path("-10", "abc", KEY, "red", "2026-02-28").await.accepted(200), echo);
    assert_eq!(path("-10", "%61b%63", KEY, "r%65d", "2026-02-28").await.accepted(200), echo);
    let key = format!("{KEY}x");
    for (parts, pointer, code) in [
        (["11", "abc", KEY, "red", "2026-02-28"], "whole", "too_large"),
        (["-11", "abc", KEY, "red", "2026-02-28"], "whole", "too_small"),
        (["99999999999999999999", "abc", KEY, "red", "2026-02-28"], "whole", "too_large"),
        (["seven", "abc", KEY, "red", "2026-02-28"], "whole", "wrong_type"),
        (["1.5", "abc", KEY, "red", "2026-02-28"], "whole", "wrong_type"),
        (["+7", "abc", KEY, "red", "2026-02-28"], "whole", "wrong_type"),
        (["7%20", "abc", KEY, "red", "2026-02-28"], "whole", "wrong_type"),
        (["7", "a", KEY, "red", "2026-02-28"], "code", "too_short"),
        (["7", "abcde", KEY, "red", "2026-02-28"], "code", "too_long"),
        (["7", "ABC", KEY, "red", "2026-02-28"], "code", "pattern_mismatch"),
        (["7", "a%2Fb", KEY, "red", "2026-02-28"], "code", "pattern_mismatch"),
        (["7", "a%00b", KEY, "red", "2026-02-28"], "code", "pattern_mismatch"),
        (["7", "a%zz", KEY, "red", "2026-02-28"], "code", "pattern_mismatch"),
        (["7", "abc", &key, "red", "2026-02-28"], "key", "invalid_format"),
        (["7", "abc", KEY, "mauve", "2026-02-28"], "color", "not_in_enum"),
        (["7", "abc", KEY, "red", "2026-02-30"], "day", "invalid_format"),
    ] {
        let [whole, text, key, color, day] = parts;
        path(whole, text, key, color, day).await.violates("path", pointer, code);
    }
    path("7", "a%ffb", KEY, "red", "2026-02-28").await.refused(400, "invalid_encoding");
    let got = path("11", "ABC", "key", "mauve", "day").await;
    for pointer in ["whole", "code", "key", "color", "day"] {
        assert!(got.points_at("path", pointer), "{pointer}");
    }
}

async fn query(more: &str) -> Got {
    get(&format!("/sink/query?needed=yes{more}")).send().await
}

#[tokio::test]
async fn in_the_query() {
    let least = json!({"needed": "yes", "small": 10, "flag": false, "color": "red"});
    assert_eq!(query("").await.accepted(200), least);
    for (more, member, answered) in [
        ("&text=", "text", json!("")),
        ("&text", "text", json!("")),
        ("&text=a%20b+c%2B", "text", json!("a b c+")),
        ("&text=%F0%9F%98%80", "text", json!("😀")),
        ("&text=100%", "text", json!("100%")),
        ("&text=%zz", "text", json!("%zz")),
        ("&text=a=b", "text", json!("a=b")),
        ("&te%78t=x", "text", json!("x")),
        ("&whole=-9007199254740991", "whole", json!(-9_007_199_254_740_991_i64)),
        ("&small=100", "small", json!(100)),
        ("&even=4", "even", json!(4)),
        ("&ratio=0.25", "ratio", json!(0.25)),
        ("&ratio=1", "ratio", json!(1.0)),
        ("&ratio=1e-2", "ratio", json!(0.01)),
        ("&flag=true", "flag", json!(true)),
        ("&color=blue", "color", json!("blue")),
        ("&at=2026-02-28T17:00:00%2B01:00", "at", json!("2026-02-28T16:00:00Z")),
        ("&local=2026-02-28", "local", json!("2026-02-28T00:00:00Z")),
        ("&day=2026-02-28", "day", json!("2026-02-28")),
        ("&key=01890A5D-AC96-774B-BCCE-B302099A8057", "key", json!(KEY)),
        ("&email=a%2Bb@example.com", "email", json!("a+b@example.com")),
    ] {
        assert_eq!(query(more).await.accepted(200)[member], answered, "{more}");
    }
    assert_eq!(query("&&_=1790000000000").await.accepted(200), least, "nothing, and what libraries add against caches");
}

#[tokio::test]
async fn unknown_ones_are_refused_where_the_document_asks_for_it() {
    for (more, name) in [
        ("&unknown=1", "unknown"),
        ("&unknown", "unknown"),
        ("&text[]=a", "text[]"),
        ("&Text=a", "Text"),
        ("&text%20=a", "text "),
        ("&=a", ""),
        ("&_x=1", "_x"),
    ] {
        query(more).await.violates("query", name, "unknown_parameter");
    }
    // A name that is too long to be repeated is omitted, and the number of errors is bounded.
    let got = query(&format!("&{}=1", "n".repeat(65))).await;
    let problem = got.refused(422, "validation_failed");
    assert_eq!(problem["errors"][0]["code"], "unknown_parameter");
    assert_eq!(problem["errors"][0].get("parameter"), None);
    let many: String = (0..150).map(|number| format!("&x{number}=1")).collect();
    assert_eq!(query(&many).await.refused(422, "validation_failed")["errors"].as_array().map(Vec::len), Some(32));
    // Together with other errors, and where no parameter is declared at all.
    let both = query("&whole=x&unknwon=1").await;
    assert!(both.points_at("query", "whole") && both.points_at("query", "unknwon"), "{}", both.text());
    let bare = crate::exchange::post("/sink/strings?x=1").json(&json!({"any": "a"})).send().await;
    bare.violates("query", "x", "unknown_parameter");
    // This one does not enforce it.
    arrays("numbers=0&unknown=1").await.accepted(200);
}

#[tokio::test]
async fn refused_in_the_query() {
    for (more, pointer, code) in [
        ("&text=123456789", "text", "too_long"),
        ("&whole=", "whole", "wrong_type"),
        ("&whole=1.5", "whole", "wrong_type"),
        ("&whole=0x10", "whole", "wrong_type"),
        ("&whole=9007199254740992", "whole", "too_large"),
        ("&whole=9223372036854775808", "whole", "too_large"),
        ("&whole=-9223372036854775809", "whole", "too_small"),
        ("&whole=null", "whole", "wrong_type"),
        ("&small=0", "small", "too_small"),
        ("&small=101", "small", "too_large"),
        ("&even=3", "even", "not_a_multiple"),
        ("&ratio=1.5", "ratio", "too_large"),
        ("&ratio=NaN", "ratio", "wrong_type"),
        ("&ratio=.5", "ratio", "wrong_type"),
        ("&flag=yes", "flag", "wrong_type"),
        ("&flag=", "flag", "wrong_type"),
        ("&color=RED", "color", "not_in_enum"),
        ("&at=2026-02-28T17:00:00", "at", "invalid_format"),
        ("&at=2026-02-28T17:00:00+01:00", "at", "invalid_format"),
        ("&day=2026-02-30", "day", "invalid_format"),
        ("&key=1", "key", "invalid_format"),
        ("&email=nobody", "email", "invalid_format"),
        ("&text=a&text=a", "text", "duplicate"),
        ("&needed=again", "needed", "duplicate"),
        ("&small=1&small=2", "small", "duplicate"),
    ] {
        query(more).await.violates("query", pointer, code);
    }
    get("/sink/query").send().await.violates("query", "needed", "required");
    get("/sink/query?needed=").send().await.violates("query", "needed", "too_short");
    get("/sink/query?needed=%ff").send().await.refused(400, "invalid_encoding");
    get("/sink/query?needed=yes&x=%c0%80").send().await.refused(400, "invalid_encoding");
    query(&"&a=1".repeat(10_000)).await.refused(400, "too_many_parameters");
}

async fn arrays(query: &str) -> Got {
    get(&format!("/sink/query-arrays?{query}")).send().await
}

#[tokio::test]
async fn arrays_in_the_query() {
    let echo = json!({"texts": ["a", "", "b c"], "numbers": [1, 2], "listed": [3, 4], "colors": ["red", "blue"], "keys": [KEY]});
    let whole = format!("texts=a&texts=&texts=b+c&numbers=1&numbers=2&listed=3,4&colors=red,blue&keys={KEY}");
    assert_eq!(arrays(&whole).await.accepted(200), echo);
    let least: Value = json!({"texts": [], "numbers": [0], "listed": [], "colors": [], "keys": []});
    assert_eq!(arrays("numbers=0").await.accepted(200), least);
    // Commas separate only where the document declares it.
    assert_eq!(arrays("numbers=0&texts=a,b").await.accepted(200)["texts"], json!(["a,b"]));
    for (query, pointer, code) in [
        ("texts=a", "numbers", "required"),
        ("numbers=1&numbers=1", "numbers", "duplicate_items"),
        ("numbers=1&numbers=01", "numbers", "wrong_type"),
        ("numbers=1,2", "numbers", "wrong_type"),
        ("numbers=1&numbers=10", "numbers", "too_large"),
        ("numbers=0&numbers=1&numbers=2&numbers=3&numbers=4", "numbers", "too_many_items"),
        ("numbers=0&texts=abcde", "texts", "too_long"),
        ("numbers=0&texts=&texts=&texts=&texts=&texts=", "texts", "too_many_items"),
        ("numbers=0&listed=1,,2", "listed", "wrong_type"),
        ("numbers=0&listed=", "listed", "wrong_type"),
        ("numbers=0&listed=1,2,3,4,5", "listed", "too_many_items"),
        ("numbers=0&listed=1&listed=2", "listed", "duplicate"),
        ("numbers=0&colors=red,mauve", "colors", "not_in_enum"),
        // An encoded comma is a part of an item (RFC 6570).
        ("numbers=0&colors=red%2Cblue", "colors", "not_in_enum"),
        ("numbers=0&keys=12345", "keys", "invalid_format"),
    ] {
        arrays(query).await.violates("query", pointer, code);
    }
}

async fn headers(pairs: &[(&'static str, &str)]) -> Got {
    let request = pairs.iter().fold(get("/sink/headers"), |request, (name, value)| request.header(name, value));
    request.send().await
}

#[tokio::test]
async fn in_the_headers() {
    let got = headers(&[("x-text", "abc"), ("x-whole", "9"), ("x-flag", "true"), ("x-key", KEY)]).await;
    assert_eq!(got.accepted(200), json!({"text": "abc", "whole": 9, "flag": true, "key": KEY}));
    assert_eq!(headers(&[("x-text", "abc")]).await.accepted(200), json!({"text": "abc"}));
    headers(&[]).await.violates("header", "X-Text", "required");
    for (value, code) in
        [("a", "too_short"), ("abcdefghi", "too_long"), ("ABC", "pattern_mismatch"), ("äöü", "pattern_mismatch")]
    {
        headers(&[("x-text", value)]).await.violates("header", "X-Text", code);
    }
    for (name, value, pointer, code) in [
        ("x-whole", "10", "X-Whole", "too_large"),
        ("x-whole", "one", "X-Whole", "wrong_type"),
        ("x-flag", "on", "X-Flag", "wrong_type"),
        ("x-key", "12345", "X-Key", "invalid_format"),
        ("x-text", "abc", "X-Text", "duplicate"),
    ] {
        headers(&[("x-text", "abc"), (name, value)]).await.violates("header", pointer, code);
    }
}
