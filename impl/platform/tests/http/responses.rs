//! Header fields of every response, and its metrics.

use http::Method;
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn health_tells_who_is_alive() {
    let server = start(&[]);
    let health = server.client().get("/health").await;
    assert_eq!(health.header("content-type"), "application/json");
    assert_eq!(health.expect(200), json!({"status": "ok", "service": "demo", "version": "1.2.3"}));
    assert_eq!(server.client().get("/health/ready").await.expect(200)["status"], "ok");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = start(&[]);
    let client = server.client();
    client.get("/api/nothing").await.expect_problem(404, "not_found");
    client.get("/").await.expect(307);
    for path in ["//", "/api//quick", "//api/quick", "/api/quick//", "/api/../quick", "/docs/../metrics", "/%2e%2e/x"] {
        server
            .raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
            .await
            .expect_problem(404, "not_found");
    }
    let refused = client.post_empty("/api/quick").await.expect_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET,HEAD");
    let refused = client.delete("/health").await.expect_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    for method in ["TRACE", "FOO", "OPTIONS"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a token");
        let refused = ask(&server, method, "/api/quick", &[]).await.expect_problem(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), "GET,HEAD");
    }
}

#[tokio::test]
async fn odd_targets_get_an_answer() {
    let server = start(&[]);
    let send = |head: &str| {
        let request = format!("{head}\r\nconnection: close\r\n\r\n");
        let server = &server;
        async move { server.raw(request).await }
    };
    send("GET http://elsewhere.example/api/quick HTTP/1.1\r\nhost: elsewhere.example").await.expect(200);
    send("GET /api/quick HTTP/1.0").await.expect(200);
    send("CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: x").await.expect_problem(501, "method_not_implemented");
    send("OPTIONS * HTTP/1.1\r\nhost: x").await.expect_problem(404, "not_found");
    send(&format!("GET /{} HTTP/1.1\r\nhost: x", "a".repeat(9_000))).await.expect_problem(414, "target_too_long");
    send("GET /\u{0} HTTP/1.1\r\nhost: x").await.expect_problem(400, "malformed_request");
    send("GARBAGE").await.expect_problem(400, "malformed_request");
    send("GET /api/quick HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6")
        .await
        .expect_problem(400, "malformed_request");
}

#[tokio::test]
async fn large_headers_are_refused() {
    let server = start(&[]);
    let with = |field: String| format!("GET /api/quick HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{field}\r\n\r\n");
    server.raw(with(format!("x: {}", "a".repeat(8_000)))).await.expect(200);
    server.raw(with(format!("x: {}", "a".repeat(64 * 1024)))).await.expect_problem(431, "headers_too_large");
    let many: Vec<String> = (0..200).map(|n| format!("x{n}: 1")).collect();
    server.raw(with(many.join("\r\n"))).await.expect_problem(431, "headers_too_large");
}

#[tokio::test]
async fn every_path_answers_with_and_without_a_slash() {
    let server = start(&[]);
    for path in
        ["/api/quick/", "/health/", "/health/ready/", "/metrics/", "/openapi.json/", "/docs/", "/api/quick/?x=1"]
    {
        server.client().get(path).await.expect(200);
    }
}

#[tokio::test]
async fn failures_are_problems_without_their_cause() {
    let server = start(&[]);
    for path in ["/api/failing", "/api/panicking", "/api/outside"] {
        let failed = server.client().get(path).await.expect_problem(500, "internal_error");
        assert_eq!(failed.json["request_id"], failed.header("x-request-id"));
        assert_eq!(failed.json["instance"], format!("urn:request:{}", failed.header("x-request-id")));
        assert!(!failed.text.contains("secret") && !failed.text.contains("purpose"), "{}", failed.text);
    }
    server.client().get("/api/quick").await.expect(200);
}

#[tokio::test]
async fn requests_have_ids() {
    let server = start(&[]);
    let given = ask(&server, Method::GET, "/api/nothing", &[("x-request-id", "mine-1_A")]).await;
    assert_eq!((given.header("x-request-id"), given.json["request_id"].as_str()), ("mine-1_A", Some("mine-1_A")));
    let long = "a".repeat(65);
    for insane in ["", "a b", "a\"b", "<script>", &long] {
        let made = ask(&server, Method::GET, "/api/quick", &[("x-request-id", insane)]).await;
        assert_eq!(made.header("x-request-id").len(), 36, "{insane:?}");
    }
}

#[tokio::test]
async fn answers_carry_security_headers() {
    let server = start(&[]);
    for path in ["/api/quick", "/api/nothing", "/health", "/docs"] {
        let answer = server.client().get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        assert!(answer.headers.get("server").is_none(), "{path}");
    }
}

#[tokio::test]
async fn listed_origins_may_call() {
    let server = start(&["--backend-cors-origins", r#"["https://app.example", "http://localhost:3000/"]"#]);
    for origin in ["https://app.example", "http://localhost:3000"] {
        let answer = ask(&server, Method::GET, "/api/quick", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
        assert_eq!(answer.header("vary"), "origin");
        let headers = "authorization,x-requested-with,traceparent";
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", headers),
        ];
        let answer = ask(&server, Method::OPTIONS, "/api/quick", &preflight).await;
        assert_eq!(answer.status.as_u16(), 204);
        assert!(answer.header("access-control-allow-methods").contains("PATCH"));
        assert_eq!(answer.header("access-control-allow-headers"), headers);
        let refused = ask(&server, Method::GET, "/api/nothing", &[("origin", origin)]).await;
        assert_eq!(refused.header("access-control-allow-origin"), origin, "a page may read refusals, too");
    }
    for origin in ["https://evil.example", "https://app.example.evil.example", "null", "http://app.example"] {
        for (method, headers) in [
            (Method::GET, vec![("origin", origin)]),
            (Method::OPTIONS, vec![("origin", origin), ("access-control-request-method", "GET")]),
        ] {
            let answer = ask(&server, method, "/api/quick", &headers).await;
            assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{origin}");
        }
    }
}

#[tokio::test]
async fn any_origin_goes_without_credentials() {
    let server = start(&["--backend-cors-origins", "*"]);
    let answer = ask(&server, Method::GET, "/api/quick", &[("origin", "https://anybody.example")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn operations_are_measured_by_their_ids() {
    let server = start(&[]);
    let client = server.client();
    for _ in 0..3 {
        client.get("/api/quick/").await.expect(200);
    }
    client.get("/api/failing").await.expect(500);
    client.get("/api/nothing").await.expect(404);
    client.get("/health").await.expect(200);
    let metrics = client.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"http_server_requests_total{operation="quick",http_response_status_code="200"} 3"#,
        r#"http_server_requests_total{operation="failing",http_response_status_code="500"} 1"#,
        r#"http_server_requests_total{operation="unmatched",http_response_status_code="404"} 1"#,
        r#"http_server_requests_total{operation="health",http_response_status_code="200"} 1"#,
        r#"http_server_request_duration_seconds_count{operation="quick"} 3"#,
        "http_server_active_requests 1",
        "http_server_active_requests_limit 512",
        r#"server_build_info{version="1.2.3"} 1"#,
        "http_server_open_connections 1",
    ] {
        assert!(metrics.text.lines().any(|found| found == line), "{line} is not in\n{}", metrics.text);
    }
    let number = |name: &str| {
        let value = metrics.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not in\n{}", metrics.text)).parse::<f64>().expect("a number")
    };
    assert!(number("process_resident_memory_bytes") > 1e6);
    assert!(number("process_cpu_seconds_total") > 0.0);
    assert!(number("process_start_time_seconds") > 1.7e9);
    assert!(number("process_max_fds") > number("process_open_fds"));
}

/// Counters' families have different names in the two formats; a file of Prometheus' own reads them in monitoring/tests.
#[tokio::test]
async fn measurements_come_in_the_format_that_is_asked_for() {
    let server = start(&[]);
    // A family without samples is not exported.
    server.client().get("/api/quick").await.expect(200);
    for (accept, open) in [
        ("*/*", false),
        ("text/plain;version=0.0.4", false),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.5", false),
        ("application/openmetrics-text; version=1.0.0", true),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", true),
    ] {
        let got = ask(&server, Method::GET, "/metrics", &[("accept", accept)]).await;
        let has = |line: &str| got.text.lines().any(|found| found == line);
        assert_eq!(got.header("content-type").starts_with("application/openmetrics-text"), open, "{accept}");
        assert_eq!(has("# TYPE http_server_requests counter"), open, "{accept}");
        assert_eq!(has("# TYPE http_server_requests_total counter"), !open, "{accept}");
        assert_eq!((has("# TYPE server_build info"), has("# TYPE server_build_info gauge")), (open, !open), "{accept}");
        assert_eq!(got.text.contains("# UNIT"), open, "{accept}");
        assert_eq!(got.text.ends_with("# EOF\n"), open, "{accept}");
    }
}

#[tokio::test]
async fn bodies_are_read_and_bounded() {
    let server = start(&[]);
    let client = server.client();
    assert_eq!(client.post("/api/echo", &json!("four")).await.text, "xxxx");
    client.post("/api/echo", &json!(5)).await.expect_invalid("#");
    client.post("/api/echo", &json!("x".repeat(1_100_000))).await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn overload_is_shed_and_health_is_not() {
    let server = start(&["--http-concurrency", "2"]);
    let client = server.client();
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        asked.spawn(async move { client.get("/api/slow").await });
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    client.get("/health").await.expect(200);
    client.get("/metrics").await.expect(200);
    let answers = asked.join_all().await;
    let served = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!(served, 1, "one of two at once, the other is for others, and nobody waits 800 ms");
    for shed in answers.into_iter().filter(|answer| answer.status.as_u16() != 200) {
        assert_eq!(shed.expect_problem(429, "too_many_concurrent_requests").header("retry-after"), "1");
    }
    client.get("/api/quick").await.expect(200);
}
