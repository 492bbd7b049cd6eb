//! Requests that no HTTP client would send, byte by byte: rejected with problem documents, early, and never interpreted in two
//! ways.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use serde_json::json;
use testkit::{Answer, raw};

use crate::listing::TASKS;
use crate::world::{ME, World, ids};

const MEGABYTE: usize = 1 << 20;

/// A request of the demo user, whose head continues with `more`.
fn request(world: &World, token: &str, line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n{more}", world.server.address())
}

async fn demo(world: &World) -> String {
    world.login("user@example.com", "user").await.token().expect("a token").to_owned()
}

fn is_problem(answer: &Answer, statuses: &[u16], what: &str) {
    assert!(statuses.contains(&answer.status.as_u16()), "{what}: {} {}", answer.status, answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    assert_eq!(answer.json["status"], answer.status.as_u16(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_no_http_are_400() {
    let world = World::new().await;
    let token = demo(&world).await;
    let get = |more: &str| request(&world, &token, &format!("GET {ME}"), more);
    let post = |more: &str| request(&world, &token, "POST /api/v1/projects", more);
    for (what, bytes) in [
        ("no method", "\0\0\0\0\r\n\r\n".to_owned()),
        ("no version", format!("GET {ME}\r\n\r\n")),
        ("a version of its own", format!("GET {ME} HTTP/9.9\r\n\r\n")),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n".to_owned()),
        ("a space in the path", request(&world, &token, "GET /api/v1/users/me and more", "\r\n")),
        ("a space before the colon", get("x-a : b\r\n\r\n")),
        ("a NUL in a field", get("x-a: a\0b\r\n\r\n")),
        ("a folded field", get("x-a: b\r\n c: d\r\n\r\n")),
        ("a name of two words", get("x a: b\r\n\r\n")),
        ("no name", get(": b\r\n\r\n")),
        ("two lengths", post("content-length: 17\r\ncontent-length: 2\r\n\r\n{\"title\": \"Two\"}\n")),
        ("two lengths in one", post("content-length: 17, 2\r\n\r\n{\"title\": \"Two\"}\n")),
        ("a negative length", post("content-length: -1\r\n\r\n")),
        ("a length with a sign", post("content-length: +17\r\n\r\n{\"title\": \"Two\"}\n")),
        ("a length in words", post("content-length: ten\r\n\r\n0123456789")),
        ("a length beyond all", post("content-length: 99999999999999999999999\r\n\r\n")),
        ("an unknown coding", post("transfer-encoding: gzip\r\n\r\n")),
        ("chunked, then more", post("transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n")),
    ] {
        is_problem(&world.server.raw(&bytes).await, &[400], what);
    }
    let user = world.login("user@example.com", "user").await;
    assert_eq!(ids(&user.get("/api/v1/projects").await.expect(200)), [2], "none of them wrote anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_and_chunks_do_not_hide_a_second_request() {
    let world = World::new().await;
    let token = demo(&world).await;
    // A server that believed the length would take the rest for a request of its own.
    let hidden = "POST /api/v1/projects HTTP/1.1\r\nhost: x\r\n\r\n";
    let body = format!("0\r\n\r\n{hidden}");
    for fields in [
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", body.len()),
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", body.len()),
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n".to_owned(),
        "transfer-encoding : chunked\r\n".to_owned(),
    ] {
        let fields = format!("content-type: application/json\r\n{fields}\r\n{body}");
        let bytes = request(&world, &token, "POST /api/v1/projects", &fields);
        is_problem(&world.server.raw(&bytes).await, &[400], &fields);
    }
    let chunk = |size: &str| {
        format!("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\nx\r\n0\r\n\r\n")
    };
    for size in ["-1", "+1", "0x1", "1 1", "ffffffffffffffffff", "g", ""] {
        let bytes = request(&world, &token, "POST /api/v1/projects", &chunk(size));
        is_problem(&world.server.raw(&bytes).await, &[400], size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_terse_requests_are_answered() {
    let world = World::new().await;
    let token = demo(&world).await;
    let host = world.server.address();
    for head in [
        format!("GET {ME} HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n"),
        format!("GET {ME} HTTP/1.0\r\nAUTHORIZATION: Bearer {token}\r\nhost: nobody.example\r\n\r\n"),
        format!("GET http://{host}{ME} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"),
        format!("\r\nGET {ME} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"),
        format!("GET {ME} HTTP/1.1\r\nhost:{host}\r\nauthorization:Bearer {token}\r\nx-empty:\r\n\r\n"),
    ] {
        assert_eq!(world.server.raw(&head).await.expect(200)["email"], "user@example.com", "{head}");
    }
    let chunks = "5\r\n{\"tit\r\n6;a=b\r\nle\": \"\r\n9\r\nChunked\"}\r\n0\r\nx-trailer: 1\r\n\r\n";
    let fields = format!("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    let made = world.server.raw(request(&world, &token, "POST /api/v1/projects", &fields)).await.expect(201);
    assert_eq!(made["title"], "Chunked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_without_being_read() {
    let world = World::new().await;
    let token = demo(&world).await;
    let host = world.server.address();
    let header =
        |size: usize| request(&world, &token, &format!("GET {ME}"), &format!("x-large: {}\r\n\r\n", "x".repeat(size)));
    for size in [64 * 1024, MEGABYTE] {
        is_problem(&world.server.raw(header(size)).await, &[431], "one large header");
    }
    let many = request(&world, &token, &format!("GET {ME}"), &("x-a: b\r\n".repeat(10_000) + "\r\n"));
    is_problem(&world.server.raw(many).await, &[431], "many headers");
    for size in [10_000, 100_000] {
        let line = format!("GET {TASKS}?{}", "a=b&".repeat(size));
        is_problem(&world.server.raw(request(&world, &token, &line, "\r\n")).await, &[414, 431], "many parameters");
    }
    let endless = format!("GET /{}", "x".repeat(2 * MEGABYTE));
    is_problem(&world.server.raw(endless).await, &[414, 431], "an endless line");

    // Announced: rejected after the head, and a client that waits for 100 Continue sends no body.
    for more in ["", "expect: 100-continue\r\n"] {
        let length = 100 * MEGABYTE;
        let fields = format!("content-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n");
        let answer = world.server.raw(request(&world, &token, "POST /api/v1/projects", &fields)).await;
        is_problem(&answer, &[413], "announced");
    }
    // Bodies of unauthenticated clients are not read.
    let fields =
        format!("POST /api/v1/projects HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", 100 * MEGABYTE);
    is_problem(&world.server.raw(fields).await, &[401], "a stranger's");
}

/// Sends up to 100 MB until there is a response; returns it, and how much was sent until then.
async fn stream(world: &World, head: String, chunked: bool) -> (Answer, usize) {
    let socket = TcpStream::connect(world.server.address()).await.expect("a connection");
    let (mut reading, mut writing) = socket.into_split();
    let mut bytes = Vec::new();
    let mut sent = 0;
    let send = async {
        writing.write_all(head.as_bytes()).await?;
        let piece = if chunked { chunk() } else { vec![b'x'; 64 * 1024] };
        while sent < 100 * MEGABYTE {
            writing.write_all(&piece).await?;
            sent += piece.len();
        }
        std::io::Result::Ok(())
    };
    let receive = async {
        while raw::parse(&bytes, false).is_none() {
            let mut piece = [0; 4096];
            let count = reading.read(&mut piece).await.expect("the answer is not cut off");
            assert!(count > 0, "no answer");
            bytes.extend_from_slice(&piece[..count]);
        }
    };
    timeout(Duration::from_secs(30), async {
        tokio::pin!(send, receive);
        tokio::select! {
            () = &mut receive => {}
            // Everything was sent, or is not accepted any more: then the response is there.
            _ = &mut send => receive.await,
        }
    })
    .await
    .expect("an answer comes");
    (raw::parse(&bytes, false).expect("an answer"), sent)
}

fn chunk() -> Vec<u8> {
    [b"10000\r\n".as_slice(), &[b'x'; 64 * 1024], b"\r\n"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_are_refused_before_they_are_there() {
    let world = World::new().await;
    let token = demo(&world).await;
    for chunked in [false, true] {
        let length =
            if chunked { "transfer-encoding: chunked".into() } else { format!("content-length: {}", 100 * MEGABYTE) };
        let fields = format!("content-type: application/json\r\n{length}\r\n\r\n");
        let (answer, sent) = stream(&world, request(&world, &token, "POST /api/v1/projects", &fields), chunked).await;
        is_problem(&answer, &[413], "streamed");
        assert!(sent < 100 * MEGABYTE, "all of it was taken first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_one_breath_are_answered_in_turn() {
    let world = World::new().await;
    let token = demo(&world).await;
    let post = |title: &str, more: &str| {
        let body = json!({"title": title}).to_string();
        let fields = format!("{more}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        request(&world, &token, "POST /api/v1/projects", &fields)
    };
    let mut socket = TcpStream::connect(world.server.address()).await.expect("a connection");
    let all = [post("first", ""), post("x", ""), post("second", "connection: close\r\n")].concat();
    socket.write_all(all.as_bytes()).await.expect("sent");
    let mut text = String::new();
    socket.read_to_string(&mut text).await.expect("answers");
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["201", "422", "201"], "{text}");
    let user = world.login("user@example.com", "user").await;
    assert_eq!(ids(&user.get("/api/v1/projects").await.expect(200)).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_too_early_writes_nothing() {
    let world = World::new().await;
    let token = demo(&world).await;
    for fields in [
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"title\": \"Cut\"}",
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"title\": \"Cut\"}\r\n",
    ] {
        let mut socket = TcpStream::connect(world.server.address()).await.expect("a connection");
        let head = request(&world, &token, "POST /api/v1/projects", fields);
        socket.write_all(head.as_bytes()).await.expect("sent");
        socket.shutdown().await.expect("no more to say");
        let mut bytes = Vec::new();
        let _ = timeout(Duration::from_secs(30), socket.read_to_end(&mut bytes)).await.expect("the connection ends");
        if let Some(answer) = raw::parse(&bytes, true) {
            is_problem(&answer, &[400, 408], fields);
        }
    }
    let user = world.login("user@example.com", "user").await;
    assert_eq!(ids(&user.get("/api/v1/projects").await.expect(200)), [2]);
}
