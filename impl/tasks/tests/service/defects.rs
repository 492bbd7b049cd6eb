//! Defects of the older service, one test for each that concerns tasks; the numbers are those of its list.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{ME, PASSWORD, World, ask, id, ids, serve, until};

#[tokio::test(flavor = "multi_thread")]
async fn defect_1_nobody_gives_himself_rights() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let before = ada.client.get(ME).await.expect(200);
    for method in ["PUT", "PATCH"] {
        for (name, value) in [
            ("is_superuser", json!(true)),
            ("is_active", json!(false)),
            ("id", json!(1)),
            ("hashed_password", json!("x")),
            ("session_epoch", json!(7)),
            ("created_at", json!("2001-01-01T00:00:00Z")),
        ] {
            let body = json!({"full_name": "Changed", name: value});
            let refused = ask(&ada.client, method, ME, Some(&body)).await.expect_invalid(&format!("#/{name}"));
            assert_eq!(refused.json["errors"][0]["code"], "unknown_member");
        }
    }
    // Not even the allowed part.
    assert_eq!(ada.client.get(ME).await.expect(200), before);

    let signup = json!({"email": "eve@example.com", "password": PASSWORD, "is_superuser": true});
    world.nobody.post("/api/v1/auth/signup", &signup).await.expect_invalid("#/is_superuser");
    world.person("eve").await.client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_8_unknown_ids_are_404_and_absurd_numbers_422() {
    let world = World::new().await;
    let admin = world.admin().await;
    let patterns = [
        ("GET", "/api/v1/users/{}"),
        ("DELETE", "/api/v1/users/{}"),
        ("GET", "/api/v1/projects/{}"),
        ("DELETE", "/api/v1/projects/{}"),
        ("GET", "/api/v1/tasks/{}"),
        ("DELETE", "/api/v1/tasks/{}"),
        ("POST", "/api/v1/tasks/{}/status/Done"),
        ("POST", "/api/v1/tasks/{}/assign/1"),
        ("POST", "/api/v1/tasks/1/assign/{}"),
    ];
    for (method, pattern) in patterns {
        for unknown in ["4711", "2147483648", "9007199254740991"] {
            let answer = ask(&admin, method, &pattern.replace("{}", unknown), None).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {pattern} {unknown}: {}", answer.text);
        }
        for absurd in ["0", "-1", "9007199254740992", "9223372036854775808", "1e3", "1.5", "abc", "%20", "0x1", "+1"] {
            let answer = ask(&admin, method, &pattern.replace("{}", absurd), None).await;
            answer.expect_problem(422, "validation_failed");
        }
    }
    for path in ["/api/v1/users", "/api/v1/projects", "/api/v1/tasks"] {
        for query in ["skip=-1", "skip=9223372036854775808", "skip=", "skip=x", "limit=0", "limit=-5", "limit=1.5"] {
            let name = query.split('=').next().expect("a name");
            admin.get(&format!("{path}?{query}")).await.expect_invalid(&format!("#/{name}"));
        }
        assert_eq!(admin.get(&format!("{path}?skip=1000000")).await.expect(200), json!([]));
    }
    for (member, number) in [("project_id", 0), ("project_id", -1), ("assignee_id", 0), ("assignee_id", i64::MAX)] {
        let mut task = json!({"title": "Numbers", "project_id": 1});
        task[member] = json!(number);
        admin.post("/api/v1/tasks", &task).await.expect_invalid(&format!("#/{member}"));
    }
    let task = |project: i64, assignee: Value| json!({"title": "Who", "project_id": project, "assignee_id": assignee});
    admin.post("/api/v1/tasks", &task(4711, Value::Null)).await.expect_problem(404, "project_not_found");
    admin.post("/api/v1/tasks", &task(1, json!(4711))).await.expect_problem(404, "user_not_found");
    admin.put("/api/v1/tasks/1", &json!({"assignee_id": 4711})).await.expect_problem(404, "user_not_found");
    admin.put("/api/v1/tasks/1", &json!({"project_id": 4711})).await.expect_problem(404, "project_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_9_lists_are_bounded_ordered_and_counted() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = id(&ada.project("Bulk").await);
    world
        .database
        .execute(&format!(
            "INSERT INTO tasks (title, project_id) SELECT 'task ' || n % 7, {project} FROM generate_series(1, 1005) n"
        ))
        .await;
    let all = "/api/v1/tasks";
    assert_eq!(ids(&ada.client.get(all).await.expect(200)).len(), 100, "the default");
    assert_eq!(ids(&ada.client.get(&format!("{all}?limit=1000")).await.expect(200)).len(), 1000, "the most");
    ada.client.get(&format!("{all}?limit=1001")).await.expect_invalid("#/limit");

    let first = ids(&ada.client.get(&format!("{all}?limit=50")).await.expect(200));
    assert!(first.is_sorted());
    // An update moves the row in the table, not in the list.
    world.database.execute("UPDATE tasks SET description = 'moved' WHERE id % 2 = 0").await;
    assert_eq!(ids(&ada.client.get(&format!("{all}?limit=50")).await.expect(200)), first);

    let counted = ada.client.get(&format!("{all}?limit=1&count=true")).await;
    assert_eq!(counted.header("x-total-count"), "1005");
    assert!(!ada.client.get(all).await.headers.contains_key("x-total-count"));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_10_each_refusal_has_its_own_status() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let project = ada.project("Private").await;
    let task = ada.task(&project, "Private too", json!({"assignee_id": eve.id})).await;
    world.nobody.get(ME).await.expect_problem(401, "missing_token");
    world.nobody.with_token("garbage").get(ME).await.expect_problem(401, "invalid_token");
    // The assignee sees the task, but may not delete it: 403. She does not see the project: 404.
    eve.client.delete(&format!("/api/v1/tasks/{}", task["id"])).await.expect_problem(403, "owner_only");
    eve.client.delete(&format!("/api/v1/projects/{}", project["id"])).await.expect_problem(404, "project_not_found");
    eve.client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_10_tokens_of_deleted_and_deactivated_users_are_refused_at_once() {
    let world = World::new().await;
    let elsewhere = serve(&world.database, &[]);
    let admin = world.admin().await;
    for (name, deactivate) in [("deleted", false), ("deactivated", true)] {
        let user = world.person(name).await;
        let other = elsewhere.client().with_token(user.token());
        for client in [&user.client, &other] {
            client.get(ME).await.expect(200);
        }
        let path = format!("/api/v1/users/{}", user.id);
        if deactivate {
            admin.patch(&path, &json!({"is_active": false})).await.expect(200);
        } else {
            admin.delete(&path).await.expect(200);
        }
        // In the process that did it this is immediate; another is notified.
        user.client.get(ME).await.expect_problem(401, "invalid_token");
        user.client.post("/api/v1/projects", &json!({"title": "Too late"})).await.expect_problem(401, "invalid_token");
        until(&other, ME, 401).await;
        if deactivate {
            let login = [("username", &*user.email), ("password", PASSWORD)];
            world.nobody.form(crate::world::LOGIN, &login).await.expect_problem(400, "invalid_grant");
            // Reactivation does not make the old token valid again.
            admin.patch(&path, &json!({"is_active": true})).await.expect(200);
            user.client.get(ME).await.expect_problem(401, "invalid_token");
            world.login(&user.email, PASSWORD).await.get(ME).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_11_an_owner_lists_the_tasks_of_the_project() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (mine, other) = (ada.project("Mine").await, ada.project("Other").await);
    let assigned = id(&ada.task(&mine, "Of Bob", json!({"assignee_id": bob.id})).await);
    let free = id(&ada.task(&mine, "Of nobody", json!({})).await);
    let elsewhere = id(&ada.task(&other, "Elsewhere", json!({})).await);
    let list = async |path: String| ids(&ada.client.get(&path).await.expect(200));
    assert_eq!(list("/api/v1/tasks".into()).await, [assigned, free, elsewhere]);
    assert_eq!(list(format!("/api/v1/tasks?project_id={}", mine["id"])).await, [assigned, free]);
    let shown = ada.client.get(&format!("/api/v1/projects/{}", mine["id"])).await.expect(200);
    assert_eq!(ids(&shown["tasks"]), [assigned, free]);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_11_an_assignee_works_on_a_task_but_cannot_give_it_away() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    let project = ada.project("Ada's").await;
    let bobs = id(&bob.project("Bob's").await);
    let task = ada.task(&project, "Shared", json!({"assignee_id": bob.id})).await;
    let path = format!("/api/v1/tasks/{}", task["id"]);

    let before = bob.client.get(&path).await.expect(200);
    for method in ["PUT", "PATCH"] {
        for away in [
            json!({"assignee_id": eve.id}),
            json!({"assignee_id": 4711}),
            json!({"assignee_id": null, "project_id": bobs}),
            json!({"project_id": bobs}),
            json!({"project_id": 4711}),
            json!({"title": "Mine now", "project_id": bobs, "assignee_id": bob.id}),
        ] {
            ask(&bob.client, method, &path, Some(&away)).await.expect_problem(403, "owner_only");
        }
    }
    for assignee in [eve.id, bob.id, 4711] {
        bob.client.post_empty(&format!("{path}/assign/{assignee}")).await.expect_problem(403, "owner_only");
    }
    bob.client.delete(&path).await.expect_problem(403, "owner_only");
    assert_eq!(bob.client.get(&path).await.expect(200), before);

    // A field that an old client sends back unchanged is no attempt to reassign.
    let work = json!({"title": "Done by Bob", "description": "All of it", "due_date": "2030-01-01T00:00:00",
        "status": "IN_PROGRESS", "assignee_id": bob.id, "project_id": project["id"]});
    let changed = bob.client.put(&path, &work).await.expect(200);
    assert_eq!((&changed["title"], &changed["status"]), (&json!("Done by Bob"), &json!("InProgress")));
    assert_eq!(bob.client.post_empty(&format!("{path}/status/Done")).await.expect(200)["status"], "Done");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_12_demo_accounts_log_in() {
    let world = World::new().await;
    let admin = world.login("admin@example.com", "admin").await.get(ME).await.expect(200);
    assert_eq!((&admin["id"], &admin["is_superuser"]), (&json!(1), &json!(true)));
    let client = world.login("user@example.com", "user").await;
    let user = client.get(ME).await.expect(200);
    assert_eq!((&user["id"], &user["is_superuser"]), (&json!(2), &json!(false)));
    // Explicit ids do not collide with the sequence.
    let project = client.post("/api/v1/projects", &json!({"title": "The next"})).await.expect(201);
    let task = json!({"title": "The next", "project_id": project["id"]});
    assert_eq!((id(&project), id(&client.post("/api/v1/tasks", &task).await.expect(201))), (3, 4));
    assert_eq!(world.person("next").await.id, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_14_a_signup_without_a_password_is_no_failure() {
    let world = World::new().await;
    let signup = async |body: Value| world.nobody.post("/api/v1/auth/signup", &body).await;
    signup(json!({"email": "x@example.com", "password": null})).await.expect_invalid("#/password");
    signup(json!({"email": "x@example.com"})).await.expect_invalid("#/password");
    signup(json!({"email": null, "password": PASSWORD})).await.expect_invalid("#/email");
    signup(json!({"email": "x@example.com", "password": 123_456})).await.expect_invalid("#/password");
    signup(json!({"email": "x@example.com", "password": "12345"})).await.expect_invalid("#/password");
    signup(json!({"email": "x@example.com", "password": "p".repeat(129)})).await.expect_invalid("#/password");
    signup(json!({"email": "x@example.com", "password": "123456", "full_name": null})).await.expect(200);
    signup(json!({"email": "y@example.com", "password": "ü".repeat(128)})).await.expect(200);
}
