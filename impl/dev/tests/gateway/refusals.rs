//! Error responses of the gateway itself: always a problem document, and the service gets no request.

use std::time::Duration;

use http::Method;
use serde_json::json;
use testkit::documents::{any_prefix, operation};
use testkit::{Fault, FaultProxy, raw};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::system::{Gateway, NOBODY, Stores, served};

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
        assert!(!answer.text.contains("nonsense") && !answer.text.contains(&long[..40]), "{}", answer.text);
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
    let (_stores, services, gateway, _) = served(&[]).await;
    let direct = testkit::Client::new(format!("http://{}", services.address(&place.service)));
    let (theirs, through) = (direct.get(&place.path).await, gateway.client().get(&place.at_gateway()).await);
    assert_eq!(theirs.without_request_id(), through.without_request_id());
    assert_eq!(theirs.header("www-authenticate"), through.header("www-authenticate"));
    through.expect_problem(401, "missing_token");
}

/// As the services' refusals can be.
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
    assert_eq!(lines.iter().filter(|line| line["url.path"] != "/health").count(), 4, "{text}");
    let empty =
        |line: &serde_json::Value| line.as_object().unwrap().values().any(|value| value.is_null() || value == "");
    assert!(!lines.iter().any(empty), "{text}");
}
