//! Defect 15 of the older service: its errors had three shapes, none documented. Here there is one, the one in the document.

use http::StatusCode;
use serde_json::{Value, json};
use testkit::Answer;

use crate::world::{LOGIN, ME, World};

#[tokio::test(flavor = "multi_thread")]
async fn defect_15_every_refusal_is_the_documented_problem() {
    let world = World::new().await;
    let (ada, admin) = (world.person("ada").await, world.admin().await);
    let (nobody, client) = (&world.nobody, &ada.client);
    let project = ada.project("Shape").await;
    let one = format!("/api/v1/projects/{}", project["id"]);
    let json = |method: &str, body: &'static str| {
        client
            .request(method.parse().expect("a method"), "/api/v1/projects")
            .header("content-type", "application/json")
            .body(body)
    };
    let text = client.request(http::Method::POST, "/api/v1/projects").header("content-type", "text/plain").body("x");
    let stale = client.request(http::Method::PUT, &one).header("if-match", "\"stale\"").json(&json!({}));
    let large = json!({"title": "x".repeat(200_000)});
    let taken = json!({"email": "ada@example.com", "password": "123456"});
    let answers = [
        (400, client.send(json("POST", "{")).await),
        (400, nobody.form(LOGIN, &[("username", "x"), ("password", "y")]).await),
        (401, nobody.get(ME).await),
        (401, nobody.with_token("x").get(ME).await),
        (403, client.get("/api/v1/users").await),
        (404, client.get("/api/v1/tasks/4711").await),
        (404, client.get("/api/v1/nothing").await),
        (404, client.get("/nothing").await),
        (404, client.get("/api/v1/tasks?cursor=AAAA").await),
        (405, client.delete("/api/v1/tasks").await),
        (405, client.post_empty("/health").await),
        (409, nobody.post("/api/v1/auth/signup", &taken).await),
        (409, admin.delete("/api/v1/users/1").await),
        (412, client.send(stale).await),
        (413, world.server.client().with_token(ada.token()).post("/api/v1/projects", &large).await),
        (414, client.get(&format!("/api/v1/tasks?q={}", "x".repeat(10_000))).await),
        (415, client.send(text).await),
        (422, client.post("/api/v1/projects", &json!({"title": "x"})).await),
        (422, client.get("/api/v1/tasks?limit=0").await),
        (422, client.get("/api/v1/tasks/x").await),
        (431, client.send(client.request(http::Method::GET, ME).header("x-large", "x".repeat(40_000))).await),
        (400, world.server.raw("NONSENSE\r\n\r\n").await),
    ];
    for (status, answer) in &answers {
        assert_eq!(answer.status.as_u16(), *status, "{}", answer.text);
        check(answer);
    }
}

/// Validates a response against the schema of the document.
fn check(answer: &Answer) {
    let document: Value = serde_json::from_str(tasks::DOCUMENT).expect("the document is JSON");
    let schema = &document["components"]["schemas"]["Problem"];
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    let members = answer.json.as_object().expect("an object");
    for required in schema["required"].as_array().expect("a list") {
        assert!(members.contains_key(required.as_str().expect("a name")), "{required} in {}", answer.text);
    }
    for name in members.keys() {
        assert!(schema["properties"].get(name).is_some(), "{name} is not in the document: {}", answer.text);
    }
    assert_eq!(answer.json["status"], answer.status.as_u16());
    let code = answer.json["code"].as_str().expect("a code");
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"), "{}", answer.text);
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.json["instance"], format!("urn:request:{}", answer.header("x-request-id")), "{}", answer.text);
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
        let errors = answer.json["errors"].as_array().expect("a list");
        let shape = &document["components"]["schemas"]["FieldError"];
        for error in errors {
            for required in shape["required"].as_array().expect("a list") {
                assert!(error[required.as_str().expect("a name")].is_string(), "{error}");
            }
            let in_body = error["in"] == "body";
            assert_eq!(error["pointer"].as_str().is_some_and(|pointer| pointer.starts_with('#')), in_body, "{error}");
            assert_eq!(error["parameter"].is_string(), !in_body, "{error}");
        }
        assert!(!errors.is_empty());
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(!answer.header("allow").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_the_id_its_client_gave_it() {
    let world = World::new().await;
    let request = world.nobody.request(http::Method::GET, ME).header("x-request-id", "trace-me_1");
    let answer = world.nobody.send(request).await.expect_problem(401, "missing_token");
    assert_eq!((answer.header("x-request-id"), &answer.json["request_id"]), ("trace-me_1", &json!("trace-me_1")));
    // Characters that are not allowed in a log line are replaced.
    let request = world.nobody.request(http::Method::GET, ME).header("x-request-id", "a b;c");
    let answer = world.nobody.send(request).await;
    assert_ne!(answer.header("x-request-id"), "a b;c");
}
