//! Bodies that are too large, or take too long.

use std::time::Duration;

use http::Method;
use testkit::documents::{is_served, operation, operations};
use testkit::raw;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::system::{Gateway, NOBODY, served};

const LARGEST_SIGNUP: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_large_as_their_operation_takes() {
    let Some(signup) = operation("signup").map(|place| place.at_gateway()) else { return };
    let (_stores, services, gateway, client) = served(&[]).await;
    let post = |path: &str, size: usize, id: &str| {
        let request = client.request(Method::POST, path).header("content-type", "application/json");
        client.send(request.header("x-request-id", id).body(" ".repeat(size)))
    };
    post(&signup, LARGEST_SIGNUP + 1, "too-large").await.expect_problem(413, "body_too_large");
    post(&signup, LARGEST_SIGNUP, "large").await.expect_problem(400, "malformed_body");
    assert_eq!(["too-large", "large"].map(|id| services.saw(id)), [false, true]);
    if let Some(batch) = operation("record_page_views") {
        post(&batch.at_gateway(), 4 * LARGEST_SIGNUP, "batch").await.expect_problem(400, "malformed_body");
        assert!(services.saw("batch"));
    }
    if let Some(without) = operation("set_task_status") {
        post(&without.at_gateway(), 2_000, "no-body").await.expect_problem(413, "body_too_large");
        assert!(!services.saw("no-body"));
    }

    // At a token endpoint in the words of RFC 6749, 5.2, too; elsewhere without.
    let form = |path: &str| {
        let request = client.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        client.send(request.body("a".repeat(LARGEST_SIGNUP + 1)))
    };
    for login in operations("login_access_token") {
        let answer = form(&login.at_gateway()).await.expect_problem(413, "body_too_large");
        assert_eq!(answer.json["error"], "invalid_request", "{}", answer.text);
    }
    let answer = form(&signup).await.expect_problem(413, "body_too_large");
    assert_eq!(answer.json.get("error"), None, "{}", answer.text);

    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", LARGEST_SIGNUP + 1, " ".repeat(LARGEST_SIGNUP + 1));
    let head = format!(
        "POST {signup} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let answer = raw::exchange(gateway.address, (head + &chunks).as_bytes()).await;
    answer.expect_problem(413, "body_too_large");
}

/// Larger than what nginx accepts by default.
#[tokio::test]
async fn a_large_body_changes_no_refusal() {
    if !is_served("analytics") {
        return;
    }
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    let client = gateway.client();
    let body = " ".repeat(3 << 20);
    // Again and again on the same connection, or on one that is new because the last answer said so.
    let all = [
        (Method::POST, "/p3/api/p3/page-views/batch", 503, "service_unavailable"),
        (Method::POST, "/p3/nothing", 404, "not_found"),
        (Method::PUT, "/p3/api/p3/page-views/batch", 405, "method_not_allowed"),
        (Method::POST, "/p3/api/p3/auth/signup", 413, "body_too_large"),
    ];
    for (method, path, status, code) in all.into_iter().cycle().take(80) {
        let request = client.request(method, path).header("content-type", "application/json").body(body.clone());
        client.send(request).await.expect_problem(status, code);
    }
}

/// The response of a service that rejects a body still on its way is not passed on too soon: the next request on the connection
/// would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_large_body_leaves_the_connection_as_it_is() {
    if !is_served("analytics") {
        return;
    }
    let (_stores, _services, _gateway, client) = served(&[]).await;
    let body = " ".repeat(1 << 20);
    for _ in 0..100 {
        let request = client.request(Method::POST, "/p3/api/p3/page-views/batch").header("content-type", "text/plain");
        let refused = client.send(request.body(body.clone())).await.expect_problem(415, "unsupported_media_type");
        assert_ne!(refused.header("connection"), "close");
    }
}

/// The service's deadline for a body is the gateway's, too: a byte now and then does not hold a connection for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_dripped_body_ends_with_the_deadline() {
    let Some(signup) = operation("signup").map(|place| place.at_gateway()) else { return };
    let (_stores, _services, gateway, _) = served(&[]).await;
    let socket = tokio::net::TcpStream::connect(gateway.address).await.expect("it listens");
    let (mut read, mut write) = socket.into_split();
    let dripping = tokio::spawn(async move {
        let head = format!(
            "POST {signup} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{"
        );
        let mut sent = write.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            sent = write.write_all(b" ").await;
        }
    });
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(60), read.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "it goes on and on");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    dripping.abort();
}
