//! `minLength`, `maxLength`, `pattern` and every `format`, each with accepted and rejected values.

use serde_json::{Value, json};

use crate::exchange::{post, with};

const STRINGS: &str = "/sink/strings";

async fn takes(member: &str, text: &str) {
    let body = with(&json!({"any": ""}), member, json!(text));
    assert_eq!(post(STRINGS).json(&body).send().await.accepted(200), body, "{member}: {text:?}");
}

async fn reads_as(member: &str, text: &str, answered: &str) {
    let body = with(&json!({"any": ""}), member, json!(text));
    assert_eq!(post(STRINGS).json(&body).send().await.accepted(200)[member], answered, "{member}: {text:?}");
}

async fn refuses(member: &str, value: Value, code: &str) {
    let body = with(&json!({"any": ""}), member, value);
    post(STRINGS).json(&body).send().await.violates("body", &format!("#/{member}"), code);
}

#[tokio::test]
async fn lengths_count_code_points() {
    for text in ["ab", "abcd", "äö", "😀😀😀😀", "e\u{301}e\u{301}", "\0\0", "<b>"] {
        takes("two_to_four", text).await;
    }
    for text in ["", "a", "😀", "ä"] {
        refuses("two_to_four", json!(text), "too_short").await;
    }
    for text in ["abcde", "😀😀😀😀😀", "e\u{301}e\u{301}e"] {
        refuses("two_to_four", json!(text), "too_long").await;
    }
    takes("any", &"😀".repeat(1000)).await;
    refuses("any", json!("😀".repeat(1001)), "too_long").await;
    takes("at_least_two", "ab").await;
    refuses("at_least_two", json!("a"), "too_short").await;
}

#[tokio::test]
async fn text_is_taken_as_it_is() {
    for text in
        ["<script>alert(1)</script>", "'; DROP TABLE users; --", "\u{202e}\u{feff}\u{10ffff}", "\r\n\t\u{1}", "\\u0000"]
    {
        takes("any", text).await;
    }
}

#[tokio::test]
async fn only_a_string_is_a_string() {
    for value in [json!(1), json!(1.5), json!(true), json!([]), json!({}), json!(["text"])] {
        refuses("any", value, "wrong_type").await;
    }
    refuses("any", Value::Null, "null_not_allowed").await;
    refuses("word", Value::Null, "null_not_allowed").await;
}

#[tokio::test]
async fn patterns() {
    for text in ["a", "kebab-case", "a-b-c-d-e"] {
        takes("lower", text).await;
    }
    for text in ["", "-", "a-", "a--b", "A", "a b", "ä", "a\n", "a1"] {
        refuses("lower", json!(text), "pattern_mismatch").await;
    }
    for text in ["", "a\nb", "äöü", "\u{1}", "\u{7f}"] {
        takes("storable", text).await;
    }
    for text in ["\0", "a\0", "\0a"] {
        refuses("storable", json!(text), "pattern_mismatch").await;
    }
    takes("word", "abcdefgh").await;
    refuses("word", json!("abcdefghi"), "too_long").await;
    refuses("word", json!(""), "too_short").await;
    refuses("word", json!("Abc"), "pattern_mismatch").await;
}

#[tokio::test]
async fn date_times() {
    for (text, answered) in [
        ("2026-02-28T16:00:00Z", "2026-02-28T16:00:00Z"),
        ("2026-02-28t16:00:00z", "2026-02-28T16:00:00Z"),
        ("2026-02-28T17:00:00+01:00", "2026-02-28T16:00:00Z"),
        ("2026-02-28T23:30:00-02:00", "2026-03-01T01:30:00Z"),
        ("2024-02-29T00:00:00.123456789Z", "2024-02-29T00:00:00.123456789Z"),
        ("2026-02-28T16:00:00-00:00", "2026-02-28T16:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ] {
        reads_as("instant", text, answered).await;
        reads_as("local", text, answered).await;
    }
    for text in [
        "",
        "tomorrow",
        "2026-02-28T16:00:00",
        "2026-02-28 16:00:00",
        "2026-02-28",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-28T24:00:00Z",
        "2026-02-28T16:60:00Z",
        "2026-02-28T16:00Z",
        "2026-02-28T16:00:00+25:00",
        "2026-02-28T16:00:00+0100",
        "26-02-28T16:00:00Z",
        "+2026-02-28T16:00:00Z",
        "2026-2-28T16:00:00Z",
        "2026-02-28T16:00:00.Z",
        " 2026-02-28T16:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "1740758400",
    ] {
        refuses("instant", json!(text), "invalid_format").await;
    }
    refuses("instant", json!(1_740_758_400), "wrong_type").await;
}

#[tokio::test]
async fn a_time_without_offset_is_utc_where_the_document_says_so() {
    for text in ["2026-02-28T16:00:00", "2026-02-28 16:00:00", "2026-02-28T16:00", "2026-02-28T16:00:00.000"] {
        reads_as("local", text, "2026-02-28T16:00:00Z").await;
    }
    reads_as("local", "2026-02-28", "2026-02-28T00:00:00Z").await;
    for text in ["", "2026-02-30", "2026-02-28T", "2026-02-28T16", "16:00:00", "+2026-02-28T16:00:00"] {
        refuses("local", json!(text), "invalid_format").await;
    }
}

#[tokio::test]
async fn dates_and_uuids() {
    for text in ["2024-02-29", "0001-01-01", "9999-12-31"] {
        takes("day", text).await;
    }
    for text in
        ["", "2025-02-29", "2026-1-01", "2026-01-1", "26-01-01", "2026-01-01T00:00:00Z", "2026/01/01", "-001-01-01"]
    {
        refuses("day", json!(text), "invalid_format").await;
    }
    takes("key", "01890a5d-ac96-774b-bcce-b302099a8057").await;
    takes("key", "00000000-0000-0000-0000-000000000000").await;
    reads_as("key", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057").await;
    for text in [
        "",
        "01890a5dac96774bbcceb302099a8057",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a805g",
        "01890a5dac96-774b-bcce-b302099a8057-",
    ] {
        refuses("key", json!(text), "invalid_format").await;
    }
}

#[tokio::test]
async fn formats_of_text() {
    let label = "a".repeat(63);
    let host = [label.as_str(); 3].join(".") + "." + &"b".repeat(61);
    let taken: [(&str, &[&str]); 7] = [
        ("email", &["a@b", "a.b+c@example.com", "o'neil@xn--bcher-kva.example", "1@1"]),
        ("uri", &["https://example.com/a?b=%20#c", "urn:isbn:1", "mailto:a@b", "file:///a", "http://[::1]/"]),
        ("ipv4", &["192.0.2.1", "0.0.0.0", "255.255.255.255"]),
        ("ipv6", &["2001:db8::1", "::", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"]),
        ("hostname", &["localhost", "www.example.com", "a-b.c1", &label, &host]),
        ("bytes", &["", "aGVsbG8=", "+/+/", "YQ=="]),
        ("secret", &["", "anything at all", "pässword"]),
    ];
    for (member, texts) in taken {
        for text in texts {
            takes(member, text).await;
        }
    }
    let long = label.clone() + "a";
    let refused: [(&str, &[&str]); 6] = [
        (
            "email",
            &[
                "", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", ".a@b", "a.@b", "a..b@c", "a@-b", "a@b.", "ä@b",
                "a@b\n",
            ],
        ),
        (
            "uri",
            &[
                "",
                "example.com",
                "/a",
                "//a/b",
                "1http://a",
                "http://a b",
                "http://a/%zz",
                "http://a/%2",
                "http://ä",
                "a:b#c#d",
                "a:\n",
            ],
        ),
        ("ipv4", &["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "::1"]),
        ("ipv6", &["", "1:2:3", "::g", "1::2::3", "[::1]", "fe80::1%eth0", "192.0.2.1"]),
        ("hostname", &["", "-a", "a-", "a..b", "a.", "a_b", "a b", "ä", "a\n", &long]),
        ("bytes", &["a", "aGVsbG8", "aGVsbG8==", "a_-=", "YR==", "aGVs bG8="]),
    ];
    for (member, texts) in refused {
        for text in texts {
            refuses(member, json!(text), "invalid_format").await;
        }
    }
    refuses("email", json!("a@".to_owned() + &"b".repeat(320)), "too_long").await;
    refuses("uri", json!("a:".to_owned() + &"b".repeat(99)), "too_long").await;
    refuses("bytes", json!("A".repeat(104)), "too_long").await;
}
