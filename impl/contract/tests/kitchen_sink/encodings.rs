//! Content encodings and byte order marks: what is decoded, and the errors of what is not.

use std::io::Write as _;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use futures_util::stream;
use serde_json::json;

use crate::exchange::{Got, ask, post};

const TEXT: &[u8] = br#"{"any":"packed"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("memory")
}

async fn send(encodings: &[&str], body: impl Into<Vec<u8>>) -> Got {
    let request = post("/sink/strings").body("application/json", body);
    encodings.iter().fold(request, |request, one| request.header("content-encoding", one)).send().await
}

#[tokio::test]
async fn packed_bodies_are_unpacked() {
    for name in ["gzip", "GZIP", "x-gzip", " gzip ", "identity, gzip", ",gzip,"] {
        assert_eq!(send(&[name], gzip(TEXT)).await.accepted(200), json!({"any": "packed"}), "{name}");
    }
    send(&["deflate"], zlib(TEXT)).await.accepted(200);
    send(&["identity", "gzip"], gzip(TEXT)).await.accepted(200);
    for name in ["", "identity", "Identity", ","] {
        send(&[name], TEXT).await.accepted(200);
    }
    // Two gzip streams are one body (RFC 1952, 2.2), in chunks of any size.
    let members = [gzip(&TEXT[..5]), gzip(&TEXT[5..])].concat();
    send(&["gzip"], members.clone()).await.accepted(200);
    for (name, packed) in [("gzip", members), ("deflate", zlib(TEXT))] {
        let pieces: Vec<_> = packed.chunks(1).map(|one| Ok::<_, std::io::Error>(Bytes::copy_from_slice(one))).collect();
        let body = Body::from_stream(stream::iter(pieces));
        let request = post("/sink/strings").chunks("application/json", body).header("content-encoding", name);
        assert_eq!(request.send().await.accepted(200), json!({"any": "packed"}), "{name}");
    }
    let row = ask("POST", "/sink/rows")
        .body("application/x-ndjson", gzip(b"{\"name\":\"a\"}\n"))
        .header("content-encoding", "gzip");
    assert!(row.send().await.status.is_success());
}

#[tokio::test]
async fn what_is_not_packed_as_it_says_is_malformed() {
    let (whole, zlibbed) = (gzip(TEXT), zlib(TEXT));
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(TEXT).expect("memory");
    let mut damaged = whole.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 0xFF;
    for (name, body) in [
        ("gzip", TEXT.to_vec()),
        ("gzip", whole[..whole.len() - 1].to_vec()),
        ("gzip", whole[..12].to_vec()),
        ("gzip", [whole.as_slice(), b"{}"].concat()),
        ("gzip", damaged),
        ("gzip", zlibbed.clone()),
        ("deflate", TEXT.to_vec()),
        ("deflate", whole),
        ("deflate", zlibbed[..zlibbed.len() - 1].to_vec()),
        ("deflate", [zlibbed.as_slice(), b"{}"].concat()),
        ("deflate", raw.finish().expect("memory")),
    ] {
        send(&[name], body).await.refused(400, "malformed_body");
    }
    send(&["gzip"], "").await.refused(400, "missing_body");
}

#[tokio::test]
async fn other_codings_are_415_and_the_answer_names_those_that_are_read() {
    for names in
        [&["br"][..], &["zstd"], &["gzip, gzip"], &["gzip", "deflate"], &["compress"], &["utf-8"], &["gzip;q=1"]]
    {
        let got = send(names, TEXT).await;
        got.refused(415, "unsupported_content_encoding");
        assert_eq!(got.head("accept-encoding"), "gzip, deflate");
    }
}

/// A limit of 64 KiB holds for the decompressed size, and nothing beyond it is decompressed.
#[tokio::test]
async fn what_unpacks_to_more_than_is_read_is_413() {
    let bomb = vec![b' '; 200 << 20];
    for (name, packed) in [("gzip", gzip(&bomb)), ("deflate", zlib(&bomb))] {
        assert!(packed.len() < 300_000);
        // Only the first part is sent, so that it is not rejected for its own size.
        let begun = std::time::Instant::now();
        send(&[name], &packed[..60_000]).await.refused(413, "body_too_large");
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    let most = format!("{}{}", r#"{"any":"a"}"#, " ".repeat(65_536 - 11));
    send(&["gzip"], gzip(most.as_bytes())).await.accepted(200);
    send(&["gzip"], gzip(format!("{most} ").as_bytes())).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn types_that_are_read_are_named() {
    let post = post("/sink/strings").body("text/plain", "a").send().await;
    post.refused(415, "unsupported_media_type");
    assert_eq!(post.head("accept-post"), "application/json");
    assert_eq!((post.head("accept-patch"), post.head("accept-encoding")), ("", ""));
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let marked = |text: &str| format!("\u{feff}{text}");
    for text in [r#"{"any":"packed"}"#, "\r\n {\"any\":\"packed\"}"] {
        assert_eq!(send(&[], marked(text)).await.accepted(200), json!({"any": "packed"}));
    }
    send(&["gzip"], gzip(marked(r#"{"any":"packed"}"#).as_bytes())).await.accepted(200);
    let form = post("/sink/form").body("application/x-www-form-urlencoded", marked("name=a")).send().await;
    assert_eq!(form.accepted(200), json!({"name": "a"}));
    // In concatenated files, each may begin with one.
    let rows = marked("{\"name\":\"a\"}\n\u{feff}{\"name\":\"b\"}\n\u{feff}\n");
    let rows = ask("POST", "/sink/rows").body("application/x-ndjson", rows).send().await;
    assert!(rows.status.is_success(), "{}", rows.text());
    send(&[], marked("")).await.refused(400, "missing_body");
    // One is a byte order mark, two are not; nor is one within the text.
    send(&[], marked(&marked("{}"))).await.refused(400, "malformed_body");
    send(&[], "{\u{feff}}").await.refused(400, "malformed_body");
}

#[tokio::test]
async fn utf_16_is_refused_in_words() {
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let text = r#"{"any":"a"}"#;
    for body in [
        wide(&format!("\u{feff}{text}"), u16::to_le_bytes),
        wide(&format!("\u{feff}{text}"), u16::to_be_bytes),
        wide(text, u16::to_le_bytes),
        wide(text, u16::to_be_bytes),
    ] {
        let problem = send(&[], body).await.refused(400, "malformed_body");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("UTF-16")), "{problem}");
    }
}
