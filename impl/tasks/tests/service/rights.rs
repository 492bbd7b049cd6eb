//! What requires a superuser's token, and what is possible with one.

use contract::Security;
use serde_json::{Value, json};

use crate::world::{ME, PASSWORD, World, ask, concrete, id, ids};

#[tokio::test(flavor = "multi_thread")]
async fn superuser_operations_refuse_a_users_token_before_they_look_at_anything() {
    let world = World::new().await;
    let eve = world.person("eve").await;
    let mut asked = 0;
    for operation in tasks::OPERATIONS.iter().filter(|operation| operation.security == Security::Scopes(&["superuser"]))
    {
        for body in [Value::Null, json!({"email": "x"}), json!({"is_active": false})] {
            let request = eve.client.request(operation.method.parse().expect("a method"), &concrete(operation.path));
            let answer = eve.client.send(request.json(&body)).await.expect_problem(403, "insufficient_scope");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, r#"Bearer error="insufficient_scope", scope="superuser""#, "{}", operation.id);
        }
        // Not even an unreadable body, or an invalid id.
        let path = operation.path.replace("{user_id}", "nonsense");
        let request = eve.client.request(operation.method.parse().expect("a method"), &path);
        let request = request.header("content-type", "text/plain").body("{");
        eve.client.send(request).await.expect_problem(403, "insufficient_scope");
        asked += 1;
    }
    assert_eq!(asked, 6, "users: list, create, put, patch, delete; what was audited");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protected_operation_demands_a_token_before_anything_else() {
    let world = World::new().await;
    for operation in tasks::OPERATIONS {
        let method = operation.method.parse().expect("a method");
        let request = world.nobody.request(method, &operation.path.replace(['{', '}'], "~")).body("{");
        let answer = world.nobody.send(request).await;
        match operation.security {
            Security::Scopes(_) => {
                let answer = answer.expect_problem(401, "missing_token");
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{}", operation.id);
            }
            _ => assert_ne!(answer.status.as_u16(), 401, "{}", operation.id),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_sees_and_changes_everything() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.person("ada").await;
    let project = ada.project("Ada's").await;
    let task = ada.task(&project, "Ada's too", json!({})).await;
    assert_eq!(ids(&admin.get("/api/v1/projects").await.expect(200)), [1, 2, id(&project)]);
    assert_eq!(ids(&admin.get("/api/v1/tasks").await.expect(200)), [1, 2, 3, id(&task)]);
    assert_eq!(ids(&admin.get("/api/v1/users").await.expect(200)), [1, 2, ada.id]);
    let path = format!("/api/v1/tasks/{}", task["id"]);
    let moved = admin.patch(&path, &json!({"project_id": 1, "assignee_id": 2, "title": "Moved"})).await.expect(200);
    assert_eq!((&moved["project"]["id"], &moved["assignee"]["id"]), (&json!(1), &json!(2)));
    ada.client.get(&path).await.expect_problem(404, "task_not_found");
    let planted = json!({"title": "By the superuser", "project_id": project["id"]});
    let planted = admin.post("/api/v1/tasks", &planted).await.expect(201);
    assert_eq!(ids(&ada.client.get("/api/v1/tasks").await.expect(200)), [id(&planted)]);
    let path = format!("/api/v1/projects/{}", project["id"]);
    assert_eq!(admin.put(&path, &json!({"title": "Renamed"})).await.expect(200)["owner_id"], ada.id);
    admin.delete(&path).await.expect(200);
    ada.client.get(&path).await.expect_problem(404, "project_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_now_not_those_at_login() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let path = format!("/api/v1/users/{}", ada.id);
    ada.client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
    admin.patch(&path, &json!({"is_superuser": true})).await.expect(200);
    ada.client.get("/api/v1/users").await.expect(200);
    ada.client.get("/api/v1/projects/1").await.expect(200);
    admin.patch(&path, &json!({"is_superuser": false})).await.expect(200);
    ada.client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
    ada.client.get("/api/v1/projects/1").await.expect_problem(404, "project_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_creates_users_with_every_property() {
    let world = World::new().await;
    let admin = world.admin().await;
    let body = json!({"email": "root2@example.com", "password": PASSWORD, "full_name": "Second", "is_superuser": true});
    let made = admin.post("/api/v1/users", &body).await.expect(201);
    assert_eq!((&made["is_active"], &made["is_superuser"]), (&json!(true), &json!(true)));
    let second = world.login("root2@example.com", PASSWORD).await;
    let body = json!({"email": "off@example.com", "password": PASSWORD, "is_active": false});
    let made = second.post("/api/v1/users", &body).await.expect(201);
    assert_eq!((&made["is_active"], &made["full_name"]), (&json!(false), &Value::Null));
    let login = [("username", "off@example.com"), ("password", PASSWORD)];
    world.nobody.form(crate::world::LOGIN, &login).await.expect_problem(400, "invalid_grant");
    // PUT and PATCH change the fields in the body, and nothing else.
    let path = format!("/api/v1/users/{}", made["id"]);
    for (method, name) in [("PUT", "By put"), ("PATCH", "By patch")] {
        let changed = ask(&second, method, &path, Some(&json!({"full_name": name}))).await.expect(200);
        assert_eq!((&changed["full_name"], &changed["email"]), (&json!(name), &made["email"]));
        assert_eq!(changed["is_active"], false);
    }
    assert_eq!(second.patch(&path, &json!({"full_name": null})).await.expect(200)["full_name"], Value::Null);
    second.get(ME).await.expect(200);
}
