//! Error responses of the gateway itself: always a problem document, and the service gets no request.

use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::documents::{any_prefix, is_served, operation, operations};
use testkit::{Fault, FaultProxy, raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::documents::limit_by_address;
use crate::system::{Gateway, Stores};

const LARGEST_SIGNUP: usize = 64 * 1024;
/// Nobody listens on the port of a service that is not there; one below those that are given away.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_large_as_their_operation_takes() {
    let Some(signup) = operation("signup").map(|place| place.at_gateway()) else { return };
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], &[]).await;
    let client = gateway.client();
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

#[tokio::test]
async fn nothing_that_is_no_request_gets_another_answer() {
    let Some(prefix) = any_prefix() else { return };
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    let long = "a".repeat(40_000);
    for (request, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "malformed_request"),
        ("GET /health HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed_request"),
        (format!("GET /{prefix}/%00 HTTP/1.1\r\nHost: here\r\n\r\n"), 400, "malformed_request"),
        (
            format!("POST /{prefix}/health HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            400,
            "malformed_request",
        ),
        ("TRACE /health HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        (format!("GET /{long} HTTP/1.1\r\nHost: here\r\n\r\n"), 414, "target_too_long"),
        (format!("GET / HTTP/1.1\r\nHost: here\r\nX-Long: {long}\r\n\r\n"), 431, "headers_too_large"),
        ("GET / HTTP/4.0\r\nHost: here\r\n\r\n".to_owned(), 505, "http_version_not_supported"),
    ] {
        let answer = raw::exchange(gateway.address, request.as_bytes()).await.expect_problem(status, code);
        assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
        assert_eq!(answer.json["instance"], format!("urn:request:{}", answer.header("x-request-id")));
        assert!(!answer.text.contains("nonsense") && !answer.text.contains("aaa"), "{}", answer.text);
    }
}

/// A person who opens an address in a browser gets a page, and every browser requests an icon.
#[tokio::test]
async fn people_get_pages_and_programs_problems() {
    let (Some(prefix), Some(signup)) = (any_prefix(), operation("signup").map(|place| place.at_gateway())) else {
        return;
    };
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    let client = gateway.client();
    let ask = |path: &str, accept: &str| client.send(client.request(Method::GET, path).header("accept", accept));
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    for (path, status, code) in [
        ("/nothing", 404, "not_found"),
        (&format!("/{prefix}/nothing"), 404, "not_found"),
        // A path that accepts forms only.
        (&signup, 405, "method_not_allowed"),
        (&format!("/{prefix}/docs"), 503, "service_unavailable"),
    ] {
        let page = ask(path, browser).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}: {}", page.header("content-type"));
        assert!(page.text.contains("<h1>") && page.text.contains(page.header("x-request-id")), "{}", page.text);
        assert_eq!(page.header("retry-after").is_empty(), status != 503, "{path}");
        assert_eq!(page.header("allow").is_empty(), status != 405, "{path}");
        for accept in ["*/*", "application/json", "application/problem+json, text/html", "text/html;q=0"] {
            ask(path, accept).await.expect_problem(status, code);
        }
    }
    assert_eq!(ask("/favicon.ico", "image/*").await.status, 204);
    ask("/page/404.html", "*/*").await.expect_problem(404, "not_found");
}

/// A client within the declared limits is never rejected here, however it distributes its requests; a flood beyond them ends at
/// the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_ends_at_the_gateway() {
    let mut places = operations("signup").into_iter();
    let Some(place) = places.next() else { return };
    let signup = place.at_gateway();
    let amount = limit_by_address(&place.operation).expect("signing up has a limit by address");
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], &[]).await;
    let client = gateway.client();
    let signups = async |count: usize| {
        let mut asked = JoinSet::new();
        for n in 0..count {
            let (client, signup) = (client.clone(), signup.clone());
            asked.spawn(async move {
                let answer = client.post(&signup, &json!({})).await;
                if n % 64 == 0 {
                    tokio::task::yield_now().await;
                }
                answer
            });
        }
        asked.join_all().await
    };
    for answer in signups(amount).await {
        answer.expect_problem(422, "validation_failed");
    }
    let beyond = signups(2 * amount).await;
    for answer in beyond.iter().filter(|answer| answer.status == 429) {
        let answer = answer.clone().expect_problem(429, "rate_limited");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
    }
    // The same class of another service counts for itself here, whatever that service says.
    if let Some(other) = places.next() {
        let request = client.request(Method::POST, &other.at_gateway()).header("x-request-id", "another-service");
        client.send(request.json(&json!({}))).await;
        assert!(services.saw("another-service"));
    }
    assert_eq!(client.get(&format!("/{}/health", place.prefix)).await.status, 200);
    let log = gateway.stop();
    let ended = log.iter().filter(|line| line["status"] == 429 && line["upstream"] == "").count();
    assert!(ended > 0, "{amount} are declared, and nothing was refused here");
}

/// One customer has 2^64 addresses.
#[tokio::test(flavor = "multi_thread")]
async fn of_ipv6_a_network_is_limited_and_not_an_address() {
    let Some(place) = operation("signup") else { return };
    let signup = place.at_gateway();
    let amount = limit_by_address(&place.operation).expect("signing up has a limit by address");
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &["--trusted-proxies", "127.0.0.1"]).await;
    let client = gateway.client();
    let refused = async |address: fn(usize) -> String| {
        let mut refused = 0;
        for n in 0..2 * amount {
            let request = client.request(Method::POST, &signup).header("x-forwarded-for", address(n));
            let answer = client.send(request.json(&json!({}))).await;
            assert!([429, 503].contains(&answer.status.as_u16()), "{}", answer.text);
            refused += usize::from(answer.status == 429);
        }
        refused
    };
    assert!(refused(|n| format!("2001:db8:1:1:{:x}::{n:x}", n % 7)).await > 0);
    assert_eq!(refused(|n| format!("2001:db8:2:{n:x}::1")).await, 0);
    assert_eq!(refused(|n| format!("::ffff:10.1.{}.{}", n / 256, n % 256)).await, 0);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_503_and_one_that_is_lost_502() {
    let (Some(login), Some(signup)) = (operation("login_access_token"), operation("signup")) else { return };
    let (health, signup) = (format!("/{}/health", signup.prefix), signup.at_gateway());
    let gone = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    let login = gone.client().form(&login.at_gateway(), &[("username", "a"), ("password", "b")]).await;
    assert_eq!(login.expect_problem(503, "service_unavailable").json["error"], "temporarily_unavailable");
    for answer in [gone.client().get(&health).await, gone.client().post(&signup, &json!({})).await] {
        assert_eq!(answer.expect_problem(503, "service_unavailable").header("retry-after"), "1");
    }

    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = socket.local_addr().expect("an address").to_string();
    let asked = tokio::spawn(async move {
        let (mut client, _) = socket.accept().await.expect("the gateway comes");
        client.read(&mut [0; 8 * 1024]).await.expect("a request")
    });
    let lost = Gateway::start(|_| address.clone(), &[]).await;
    let answer = lost.client().post(&signup, &json!({})).await;
    assert_eq!(answer.expect_problem(502, "bad_gateway").header("retry-after"), "1");
    assert!(asked.await.expect("it was asked") > 0);
}

/// Takes the fifteen seconds of the gateway's timeout.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_is_504() {
    let Some((service, prefix)) = testkit::documents::services().into_iter().next() else { return };
    let health = format!("/{prefix}/health");
    let stores = Stores::new().await;
    let services = stores.services().await;
    let proxy = FaultProxy::start(&format!("http://{}", services.address(&service))).await;
    let address = proxy.address().to_string();
    let gateway = Gateway::start(|name| if name == service { address.clone() } else { NOBODY.to_owned() }, &[]).await;
    gateway.client().get(&health).await.expect(200);
    proxy.set(Fault::Blackhole);
    let client = gateway.client();
    let answer = tokio::time::timeout(Duration::from_secs(120), client.get(&health)).await.expect("an answer");
    assert_eq!(answer.expect_problem(504, "gateway_timeout").header("retry-after"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_service_passes_as_it_is() {
    let Some(place) = operation("get_me").or_else(|| operation("list_tasks")) else { return };
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], &[]).await;
    let direct = testkit::Client::new(format!("http://{}", services.address(&place.service)));
    let (theirs, through) = (direct.get(&place.path).await, gateway.client().get(&place.at_gateway()).await);
    assert_eq!(theirs.without_request_id(), through.without_request_id());
    assert_eq!(theirs.header("www-authenticate"), through.header("www-authenticate"));
    through.expect_problem(401, "missing_token");
}

/// Larger than what nginx takes where nothing is said.
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

/// A response to a rejected upload is not sent too early: the next request on the connection would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_large_body_leaves_the_connection_as_it_is() {
    if !is_served("analytics") {
        return;
    }
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], &[]).await;
    let client = gateway.client();
    let body = " ".repeat(1 << 20);
    for _ in 0..100 {
        let request = client.request(Method::POST, "/p3/api/p3/page-views/batch").header("content-type", "text/plain");
        let refused = client.send(request.body(body.clone())).await.expect_problem(415, "unsupported_media_type");
        assert_ne!(refused.header("connection"), "close");
    }
}

/// The service's timeout of a body applies at the gateway, too: a byte now and then does not hold a connection open for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_dripped_body_ends_with_the_deadline() {
    let Some(signup) = operation("signup").map(|place| place.at_gateway()) else { return };
    let stores = Stores::new().await;
    let services = stores.services().await;
    let gateway = Gateway::before(&[&services], &[]).await;
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

/// As the services' error responses can be.
#[tokio::test]
async fn listed_pages_may_read_refusals() {
    let Some(prefix) = any_prefix() else { return };
    let (nothing, health) = (format!("/{prefix}/nothing"), format!("/{prefix}/health"));
    let origins = r#"["https://app.example", "http://localhost:3000"]"#;
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &["--backend-cors-origins", origins]).await;
    let ask = async |path: &str, origin: &str| {
        let client = gateway.client();
        client.send(client.request(Method::GET, path).header("origin", origin)).await
    };
    for (path, status, code) in [(&nothing, 404, "not_found"), (&health, 503, "service_unavailable")] {
        for origin in ["https://app.example", "http://localhost:3000"] {
            let answer = ask(path, origin).await.expect_problem(status, code);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
            assert!(answer.header("access-control-expose-headers").contains("retry-after"));
            assert_eq!(answer.header("vary"), "origin");
        }
        for origin in ["https://evil.example", "https://app.example.evil.example", "null"] {
            let answer = ask(path, origin).await.expect_problem(status, code);
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    let anybody = Gateway::start(|_| NOBODY.to_owned(), &["--backend-cors-origins", "*"]).await;
    let client = anybody.client();
    let answer = client.send(client.request(Method::GET, &nothing).header("origin", "https://a.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let nobody = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    let answer = nobody.client().get(&nothing).await;
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", ""));
}

/// Whatever a client sends, a line of the log is JSON.
#[tokio::test]
async fn the_log_can_be_read() {
    let Some(prefix) = any_prefix() else { return };
    let gateway = Gateway::start(|_| NOBODY.to_owned(), &[]).await;
    for (path, agent) in [
        (&b"/\xff\xfe?secret=1"[..], &b"plain"[..]),
        (b"/\"quoted\"\\", b"\xff\xfe \"quoted\" \x01"),
        (b"/\xc3\xa4", "\u{e4}".as_bytes()),
        (b"/health?secret=1", b""),
    ] {
        let request =
            [b"GET /", prefix.as_bytes(), path, b" HTTP/1.1\r\nHost: here\r\nUser-Agent: ", agent, b"\r\n\r\n"]
                .concat();
        raw::exchange(gateway.address, &request).await;
    }
    let log = gateway.log();
    let text = String::from_utf8(log).expect("UTF-8");
    assert!(!text.contains("secret"), "{text}");
    let lines: Vec<serde_json::Value> =
        text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.iter().filter(|line| line["path"] != "/health").count(), 4, "{text}");
}
