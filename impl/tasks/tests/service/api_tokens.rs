//! API tokens: what they may do, and when they end.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Client;

use crate::world::{ME, PASSWORD, World};

const TOKENS: &str = "/api/v1/auth/api-tokens";
const USERS: &str = "/api/v1/users";

/// Creates one: its path, and a client that uses it.
async fn create(owner: &Client, scopes: &Value) -> (String, Client) {
    let answer = owner.post(TOKENS, &json!({"name": "export", "scopes": scopes, "expires_in_days": 30})).await;
    let path = answer.header("location").to_owned();
    let body = answer.expect(201);
    assert_eq!(path, format!("{TOKENS}/{}", body["id"].as_str().expect("an id")));
    (path, owner.with_token(body["token"].as_str().expect("a token")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_acts_for_its_owner_until_it_is_revoked() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (path, program) = create(&ada.client, &json!(["user"])).await;
    let token = program.token().expect("a token");
    assert!(token.starts_with("sfa_") && token.len() == 40, "{token}");
    assert_eq!(program.get(ME).await.expect(200)["id"], ada.id);
    program.post("/api/v1/projects", &json!({"title": "by a program"})).await.expect(201);

    let listed = ada.client.get(TOKENS).await.expect(200);
    assert!(!listed.to_string().contains(token), "shown once");
    assert_eq!((&listed[0]["name"], &listed[0]["scopes"]), (&json!("export"), &json!(["user"])));
    assert!(listed[0]["used_at"].is_string(), "{listed}");
    assert_eq!(ada.client.get(&path).await.expect(200), listed[0]);
    let audited = world.admin().await.get("/api/v1/audit-events?action=api_token.created").await.expect(200);
    assert_eq!((&audited[0]["actor_id"], &audited[0]["object_id"]), (&json!(ada.id), &listed[0]["id"]));

    // It stays when the password changes: it is not a session.
    let change = json!({"password": "another horse", "current_password": PASSWORD});
    ada.client.patch(ME, &change).await.expect(200);
    program.get(ME).await.expect(200);
    let ada = world.login("ada@example.com", "another horse").await;
    ada.delete(&path).await.expect(204);
    program.get(ME).await.expect_problem(401, "invalid_token");
    ada.delete(&path).await.expect_problem(404, "api_token_not_found");
    assert_eq!(ada.get(TOKENS).await.expect(200), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_the_scopes_that_were_chosen_and_that_its_owner_has() {
    let world = World::new().await;
    let (ada, admin) = (world.person("ada").await, world.admin().await);
    let greedy = json!({"name": "x", "scopes": ["user", "superuser"]});
    ada.client.post(TOKENS, &greedy).await.expect_problem(403, "insufficient_scope");
    for wrong in [json!([]), json!(["root"]), json!(["user", "user"]), json!("user"), Value::Null] {
        ada.client.post(TOKENS, &json!({"name": "x", "scopes": wrong})).await.expect_problem(422, "validation_failed");
    }
    let (_, small) = create(&admin, &json!(["user"])).await;
    small.get(USERS).await.expect_problem(403, "insufficient_scope");
    small.get(&format!("{USERS}/{}", ada.id)).await.expect_problem(404, "user_not_found");
    let (_, large) = create(&admin, &json!(["user", "superuser"])).await;
    large.get(USERS).await.expect(200);
    // Rights are those of now.
    let user = format!("{USERS}/{}", ada.id);
    admin.patch(&user, &json!({"is_superuser": true})).await.expect(200);
    let ada = world.login("ada@example.com", PASSWORD).await;
    let (_, token) = create(&ada, &json!(["superuser"])).await;
    token.get(USERS).await.expect(200);
    admin.patch(&user, &json!({"is_superuser": false})).await.expect(200);
    token.get(USERS).await.expect_problem(403, "insufficient_scope");
    admin.patch(&user, &json!({"is_active": false})).await.expect(200);
    token.get(ME).await.expect_problem(401, "invalid_token");
    admin.patch(&user, &json!({"is_active": true})).await.expect(200);
    token.get(ME).await.expect(200);
    admin.delete(&user).await.expect(200);
    token.get(ME).await.expect_problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gets_no_more_than_it_is() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (path, program) = create(&ada.client, &json!(["user"])).await;
    let (other, _) = create(&ada.client, &json!(["user"])).await;
    // Neither another token nor the sessions of its owner.
    program.post(TOKENS, &json!({"name": "x", "scopes": ["user"]})).await.expect_problem(403, "session_required");
    program.delete("/api/v1/auth/sessions").await.expect_problem(403, "session_required");
    program.delete(&other).await.expect_problem(403, "session_required");
    bob.client.delete(&path).await.expect_problem(404, "api_token_not_found");
    bob.client.get(&path).await.expect_problem(404, "api_token_not_found");
    assert_eq!(bob.client.get(TOKENS).await.expect(200), json!([]));
    // It may revoke itself.
    program.delete(&path).await.expect(204);
    program.get(ME).await.expect_problem(401, "invalid_token");
    for how in ["logout", "revoke"] {
        let (_, program) = create(&ada.client, &json!(["user"])).await;
        match how {
            "logout" => drop(program.post_empty("/api/v1/auth/logout").await.expect(204)),
            _ => {
                let token = program.token().expect("a token");
                world.nobody.form("/api/v1/auth/revoke", &[("token", token)]).await.expect(200);
            }
        }
        program.get(ME).await.expect_problem(401, "invalid_token");
    }
    assert_eq!(ada.client.get(TOKENS).await.expect(200).as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_or_expired_is_refused() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (_, program) = create(&ada.client, &json!(["user"])).await;
    let token = program.token().expect("a token").to_owned();
    let cut = &token[..token.len() - 1];
    let (longer, other_kind, invented) =
        (format!("{token}A"), token.replacen("sfa_", "sfr_", 1), format!("sfa_{}", "0".repeat(36)));
    for wrong in [cut, &longer, &other_kind, &invented, "sfa_", &token.to_uppercase()] {
        world.nobody.with_token(wrong).get(ME).await.expect_problem(401, "invalid_token");
    }
    program.get(ME).await.expect(200);
    let expire = "UPDATE api_tokens SET expires_at = now()";
    sqlx::query(expire).execute(&mut world.database.connect().await).await.expect("expired");
    // Cached for a second.
    crate::world::until(&program, ME, 401).await;
    assert_eq!(ada.client.get(TOKENS).await.expect(200).as_array().map(Vec::len), Some(1), "shown until it is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_fifty() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let body = json!({"name": "one of many", "scopes": ["user"]});
    let answers = join_all((0..60).map(|_| ada.client.post(TOKENS, &body))).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(201), of(409)), (50, 10), "{answers:?}");
    ada.client.post(TOKENS, &body).await.expect_problem(409, "too_many_api_tokens");
    assert_eq!(ada.client.get(TOKENS).await.expect(200).as_array().map(Vec::len), Some(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_audited_is_not_done() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (path, program) = create(&ada.client, &json!(["user"])).await;
    world.login("ada@example.com", PASSWORD).await;
    world.database.execute("ALTER TABLE audit_events ADD CONSTRAINT nothing CHECK (false) NOT VALID").await;
    ada.client.post(TOKENS, &json!({"name": "another", "scopes": ["user"]})).await.expect(500);
    ada.client.delete(&path).await.expect(500);
    ada.client.delete("/api/v1/auth/sessions").await.expect(500);
    assert_eq!(ada.client.get(TOKENS).await.expect(200).as_array().map(Vec::len), Some(1));
    program.get(ME).await.expect(200);
    assert_eq!(ada.client.get("/api/v1/auth/sessions").await.expect(200).as_array().map(Vec::len), Some(2));
}
