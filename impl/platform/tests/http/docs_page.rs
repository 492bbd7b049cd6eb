//! The pages for people: documentation, errors, the icon.

use http::Method;
use platform::http::{Description, Readiness};
use serde_json::Value;
use testkit::TestServer;

use crate::fixture::*;

#[tokio::test]
async fn people_get_pages_and_programs_problems() {
    let server = start(&[]);
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    for (path, status) in [("/api/nothing", 404), ("/docs/nothing.js", 404)] {
        let page = ask(&server, Method::GET, path, &[("accept", browser)]).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (status, "text/html; charset=utf-8"), "{path}");
        assert!(
            page.text.contains("404 Not Found") && page.text.contains(page.header("x-request-id")),
            "{}",
            page.text
        );
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        for accept in ["*/*", "application/json", "text/html;q=0.1, application/problem+json"] {
            ask(&server, Method::GET, path, &[("accept", accept)]).await.expect_problem(status, "not_found");
        }
    }
    let page = ask(&server, Method::DELETE, "/health", &[("accept", browser)]).await;
    assert_eq!((page.status.as_u16(), page.header("allow")), (405, "GET, HEAD"));
    assert!(page.header("content-type").starts_with("text/html"));
    // An operation returns JSON to browsers, too.
    ask(&server, Method::GET, "/api/failing", &[("accept", browser)]).await.expect_problem(500, "internal_error");
}

#[tokio::test]
async fn there_is_an_icon_and_words_where_there_is_no_operation() {
    let server = start(&[]);
    let icon = server.client().get("/favicon.ico").await;
    assert_eq!((icon.status.as_u16(), icon.header("content-type")), (200, "image/png"));
    let document =
        r#"{"openapi":"3.0.3","info":{"title":"Worker","version":"1.0.0"},"servers":[{"url":"/"}],"paths":{}}"#;
    let description = Description { service: "worker".into(), version: "1.2.3".into(), document };
    let worker = TestServer::start(description, axum::Router::new(), Readiness::default(), &[]);
    for (path, link) in [("/docs", "./health"), ("/docs/", "../health")] {
        let page = worker.client().get(path).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(
            page.text.contains("no operations") && page.text.contains(&format!("href=\"{link}\"")),
            "{}",
            page.text
        );
    }
}

#[tokio::test]
async fn documentation_is_relative_to_where_it_is() {
    let server = start(&[]);
    let client = server.client();
    let root = client.get("/").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (307, "./docs"));
    for (path, base) in [("/docs", "./docs/"), ("/docs/", "./")] {
        let page = client.get(path).await;
        assert!(page.text.contains(&format!(r#"<base href="{base}">"#)), "{}", page.text);
        assert!(!page.text.contains("href=\"/") && !page.text.contains("src=\"/"), "{}", page.text);
    }
    for (file, kind) in [("swagger-ui-bundle.js", "javascript"), ("swagger-ui.css", "css"), ("start.js", "javascript")]
    {
        let answer = client.get(&format!("/docs/{file}")).await;
        assert!(answer.header("content-type").contains(kind), "{file}: {}", answer.header("content-type"));
        answer.expect(200);
    }
    client.get("/docs/nothing.js").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_document_names_the_server_as_it_was_reached() {
    let server = start(&[]);
    let plain = server.client().get("/openapi.json").await.expect(200);
    assert_eq!(plain["servers"][0]["url"], "/");
    let headers = [("x-forwarded-prefix", "/p1")];
    let behind = ask(&server, Method::GET, "/openapi.json", &headers).await.expect(200);
    assert_eq!(behind["servers"][0]["url"], "/p1");
    let token: &Value = &behind["components"]["securitySchemes"]["oauth2"]["flows"]["password"]["tokenUrl"];
    assert_eq!(token, "/p1/api/login");
    let evil =
        ask(&server, Method::GET, "/openapi.json", &[("x-forwarded-prefix", "//evil.example")]).await.expect(200);
    assert_eq!(evil["servers"][0]["url"], "/");
}
