//! Invalid bodies: each is rejected with the right error, by every operation that reads one, and none causes an internal
//! error.

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{ME, PASSWORD, World, ask};

/// Every operation with a JSON body: method, path, a valid body, and whether it needs a superuser.
fn operations() -> Vec<(&'static str, &'static str, Value, bool)> {
    let account = json!({"email": "new@example.com", "password": PASSWORD});
    let redirect = json!({"redirect_uri": "https://app.example"});
    let callback = json!({"code": "x", "state": "x", "code_verifier": "x".repeat(43)});
    let response = json!({"clientDataJSON": "e30", "attestationObject": "oA"});
    let credential = json!({"id": "AQ", "type": "public-key", "response": response});
    vec![
        ("POST", "/api/v1/auth/signup", account.clone(), false),
        ("POST", "/api/v1/users", account, true),
        ("PUT", "/api/v1/users/2", json!({"full_name": "x"}), true),
        ("PATCH", "/api/v1/users/2", json!({"full_name": "x"}), true),
        ("PUT", ME, json!({"full_name": "x"}), false),
        ("PATCH", ME, json!({"full_name": "x"}), false),
        ("POST", "/api/v1/projects", json!({"title": "xxx"}), false),
        ("PUT", "/api/v1/projects/2", json!({"title": "xxx"}), false),
        ("POST", "/api/v1/auth/email/change", json!({"email": "new@example.com", "current_password": "user"}), false),
        ("POST", "/api/v1/auth/email/confirm", json!({"token": "sfe_"}), false),
        ("POST", "/api/v1/auth/password/forgot", json!({"email": "new@example.com"}), false),
        ("POST", "/api/v1/auth/password/reset", json!({"token": "sfe_", "password": PASSWORD}), false),
        ("POST", "/api/v1/auth/api-tokens", json!({"name": "x", "scopes": ["user"]}), false),
        ("POST", "/api/v1/users/me/deletion", json!({"current_password": "no"}), false),
        ("POST", "/api/v1/auth/openid/providers/x/authorization", redirect, false),
        ("POST", "/api/v1/auth/openid/providers/x/login", callback.clone(), false),
        ("POST", "/api/v1/auth/openid/providers/x/link", callback, false),
        ("POST", "/api/v1/auth/second-factor/totp", json!({"current_password": "user"}), false),
        ("POST", "/api/v1/auth/second-factor/totp/confirm", json!({"code": "287082"}), false),
        ("POST", "/api/v1/auth/second-factor/recovery-codes", json!({"code": "287082"}), false),
        (
            "POST",
            "/api/v1/auth/second-factor/totp/disable",
            json!({"current_password": "user", "code": "287082"}),
            false,
        ),
        ("POST", "/api/v1/auth/passkeys/challenge-for-registration", json!({"current_password": "user"}), false),
        ("POST", "/api/v1/auth/passkeys", json!({"name": "x", "credential": credential.clone()}), false),
        ("POST", "/api/v1/auth/passkeys/login", json!({"credential": credential}), false),
        ("PATCH", "/api/v1/projects/2", json!({"title": "xxx"}), false),
        ("POST", "/api/v1/tasks", json!({"title": "xxx", "project_id": 2}), false),
        ("PUT", "/api/v1/tasks/3", json!({"title": "xxx"}), false),
        ("PATCH", "/api/v1/tasks/3", json!({"title": "xxx"}), false),
    ]
}

/// Sends a request to every operation, as a user who may.
async fn ask_all(world: &World, test: impl AsyncFn(&Client, Method, &str, Value)) {
    let (user, admin) = (world.login("user@example.com", "user").await, world.admin().await);
    for (method, path, body, superuser) in operations() {
        test(if superuser { &admin } else { &user }, method.parse().expect("a method"), path, body).await;
    }
}

async fn send(client: &Client, method: &Method, path: &str, media: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = client.request(method.clone(), path).header("content-type", media);
    client.send(request.body(body.into())).await
}

#[test]
fn no_operation_with_a_body_was_forgotten() {
    let with_json = tasks::OPERATIONS.iter().filter(|operation| {
        operation.body.as_ref().is_some_and(|body| body.media.iter().any(|media| media.range() == "application/json"))
    });
    assert_eq!(with_json.count(), operations().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_400() {
    let world = World::new().await;
    ask_all(&world, async |client, method, path, good| {
        let text = good.to_string();
        let twice = format!("{},{}", &text[..text.len() - 1], &text[1..]);
        let bodies: Vec<Vec<u8>> = vec![
            b"{".into(),
            text[..text.len() - 1].into(),
            text[..text.len() / 2].into(),
            format!("{text}}}").into(),
            format!("{text}{text}").into(),
            format!("// {text}").into(),
            text.replace('"', "'").into(),
            twice.clone().into(),
            // The same name, spelled differently.
            twice.replacen("\"title\"", "\"\\u0074itle\"", 1).replacen("\"email\"", "\"\\u0065mail\"", 1).into(),
            b"{\"title\": NaN}".into(),
            b"{\"title\": Infinity}".into(),
            b"{\"title\": 01}".into(),
            b"{\"title\": 1e999}".into(),
            b"{\"title\": \"\\x41\"}".into(),
            b"{\"title\": \"\x01\"}".into(),
            br#"{"title": "\ud800"}"#.into(),
            br#"{"title": "\udc00\ud800"}"#.into(),
            br#"{"title": "\ud800\u0041"}"#.into(),
            b"{\"title\": \"\xff\xfe\"}".into(),
            b"{\"title\": \"\xed\xa0\x80\"}".into(),
            b"{\"title\": \"\xc0\xaf\"}".into(),
            "[".repeat(10_000).into(),
            ("{\"a\":".repeat(9_000) + "1" + &"}".repeat(9_000)).into(),
            ("[".repeat(10_000) + &"]".repeat(10_000)).into(),
            b"title=xxx".into(),
            b"<title>xxx</title>".into(),
            b"\x1f\x8b\x08\x00".into(),
            b" ".into(),
        ];
        for body in bodies {
            let answer = send(client, &method, path, "application/json", body.clone()).await;
            assert_eq!(
                answer.status.as_u16(),
                400,
                "{method} {path} {}",
                String::from_utf8_lossy(&body[..body.len().min(80)])
            );
            answer.expect_problem(400, "malformed_body");
        }
        send(client, &method, path, "application/json", "").await.expect_problem(400, "missing_body");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_json_of_another_shape_is_422() {
    let world = World::new().await;
    ask_all(&world, async |client, method, path, good| {
        for body in ["null", "true", "7", "\"text\"", "[]", "[{}]"] {
            send(client, &method, path, "application/json", body).await.expect_invalid("#");
        }
        for name in good.as_object().expect("an object").keys() {
            for wrong in [json!(true), json!([]), json!({}), json!({"$ne": null}), json!(1.5)] {
                // Of an object its fields are wrong.
                if wrong.is_object() && good[name].is_object() {
                    continue;
                }
                let mut body = good.clone();
                body[name] = wrong;
                ask(client, method.as_str(), path, Some(&body)).await.expect_invalid(&format!("#/{name}"));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_the_document_does_not_know_are_refused_and_never_applied() {
    let world = World::new().await;
    ask_all(&world, async |client, method, path, good| {
        for name in [
            "id",
            "owner_id",
            "is_superuser",
            "is_active",
            "hashed_password",
            "created_at",
            "updated_at",
            "owner",
            "tasks",
            "assignee",
            "session_epoch",
            "__proto__",
            "constructor",
            "",
            "a/b~c",
            "Title",
            "title ",
        ] {
            let known = path.starts_with("/api/v1/users") && path != ME && name.starts_with("is_");
            if known {
                continue;
            }
            let mut body = good.clone();
            body[name] = json!(1);
            let pointer = format!("#/{}", name.replace('~', "~0").replace('/', "~1").replace(' ', "%20"));
            let answer = ask(client, method.as_str(), path, Some(&body)).await.expect_invalid(&pointer);
            assert_eq!(answer.json["errors"][0]["code"], "unknown_member", "{method} {path} {name}");
        }
    })
    .await;
    let admin = world.admin().await;
    let user = admin.get("/api/v1/users/2").await.expect(200);
    assert_eq!((&user["is_superuser"], &user["full_name"]), (&json!(false), &json!("Demo User")));
    assert_eq!(admin.get("/api/v1/projects/2").await.expect(200)["owner_id"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_media_types_are_415() {
    let world = World::new().await;
    ask_all(&world, async |client, method, path, good| {
        let types = [
            "text/plain",
            "text/json",
            "application/xml",
            "application/jsonp",
            "application/problem+json",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; charset=latin1",
            "json",
            "",
            "*/*",
            "application/json, text/plain",
        ];
        for media in types {
            let answer = send(client, &method, path, media, good.to_string()).await;
            assert_eq!(answer.status.as_u16(), 415, "{method} {path} {media}");
            answer.expect_problem(415, "unsupported_media_type");
        }
        let bare = client.request(method.clone(), path).body(good.to_string());
        client.send(bare).await.expect_problem(415, "unsupported_media_type");
        let patched = send(client, &method, path, "application/merge-patch+json", good.to_string()).await;
        assert_eq!(patched.status.as_u16() == 415, method != Method::PATCH, "{method} {path}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_the_media_type_are_one() {
    let world = World::new().await;
    let client = world.login("user@example.com", "user").await;
    for media in [
        "application/json",
        "APPLICATION/JSON",
        "application/json;charset=UTF-8",
        "application/json; charset=\"utf-8\"",
    ] {
        let body = json!({"title": "Media"}).to_string();
        send(&client, &Method::POST, "/api/v1/projects", media, body).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_every_range_are_422() {
    let world = World::new().await;
    let client = world.login("user@example.com", "user").await;
    let numbers = [
        "0",
        "-1",
        "-0.5",
        "1.5",
        "1e3.5",
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "1e300",
        "-1e300",
        "1e-300",
        "123456789012345678901234567890",
        "\"1\"",
        "true",
        "[1]",
    ];
    for number in numbers {
        for member in ["project_id", "assignee_id"] {
            let body = format!(r#"{{"title": "Numbers", "project_id": 2, "{member}": {number}}}"#);
            let body = if member == "project_id" { body.replacen("\"project_id\": 2, ", "", 1) } else { body };
            let answer = send(&client, &Method::POST, "/api/v1/tasks", "application/json", body).await;
            let malformed = number == "1e3.5";
            assert_eq!(answer.status.as_u16(), if malformed { 400 } else { 422 }, "{member} {number}: {}", answer.text);
        }
    }
    // JSON has no integers: 2.0 is 2.
    let body = r#"{"title": "Numbers", "project_id": 2.0, "assignee_id": 20e-1}"#;
    let made = send(&client, &Method::POST, "/api/v1/tasks", "application/json", body).await.expect(201);
    assert_eq!((&made["project_id"], &made["assignee_id"]), (&json!(2), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_repeat_what_was_sent() {
    let world = World::new().await;
    let client = world.login("user@example.com", "user").await;
    let secret = "s3cr3t-v4lue";
    let bodies = [
        format!(r#"{{"title": "{secret}\u0000"}}"#),
        format!(r#"{{"title": "{}"}}"#, secret.repeat(20)),
        format!(r#"{{"title": "{secret}"#),
        format!(r#"{{"title": ["{secret}"]}}"#),
        secret.to_owned(),
    ];
    for body in bodies {
        let answer = send(&client, &Method::POST, "/api/v1/projects", "application/json", body).await;
        assert!(answer.status.is_client_error() && !answer.text.contains("s3cr3t"), "{}", answer.text);
    }
    for path in [
        format!("/api/v1/tasks/{secret}"),
        format!("/api/v1/tasks?limit={secret}"),
        format!("/api/v1/tasks/1/status/{secret}"),
    ] {
        let answer = ask(&client, if path.contains("status") { "POST" } else { "GET" }, &path, None).await;
        assert!(answer.status.is_client_error() && !answer.text.contains(secret), "{}", answer.text);
    }
}
