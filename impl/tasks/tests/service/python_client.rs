//! The flow of an existing client, written for the older Python service, exactly as sent: forms without
//! `grant_type`, trailing slashes, times without offset, upper-case statuses.

use serde_json::{Value, json};

use crate::world::{World, id, ids};

const NAIVE: &str = "2031-05-06T07:08:09.123456";

#[tokio::test(flavor = "multi_thread")]
async fn logs_in_with_and_without_a_grant_type_and_tries_the_token() {
    let world = World::new().await;
    let bare = [("username", "user@example.com"), ("password", "user")];
    let full = [("grant_type", "password"), ("scope", ""), ("client_id", ""), ("client_secret", "")];
    for fields in [bare.to_vec(), [&bare[..], &full[..]].concat(), [&bare[..], &[("grant_type", "")]].concat()] {
        for path in ["/api/v1/auth/login/access-token", "/api/v1/auth/login/access-token/"] {
            let token = world.nobody.form(path, &fields).await.expect(200);
            assert_eq!(token["token_type"], "bearer");
            let client = world.nobody.with_token(token["access_token"].as_str().expect("a token"));
            for path in ["/api/v1/auth/login/test-token", "/api/v1/auth/login/test-token/"] {
                let user = client.post_empty(path).await.expect(200);
                assert_eq!(user["email"], "user@example.com");
                assert_eq!(user["is_superuser"], false);
                assert!(user.get("hashed_password").is_none() && user.get("password").is_none());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_answer_400() {
    let world = World::new().await;
    let wrong = [("username", "user@example.com"), ("password", "wrong")];
    world.nobody.form("/api/v1/auth/login/access-token/", &wrong).await.expect_problem(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn works_through_a_day() {
    let world = World::new().await;
    let me = {
        let account = json!({"email": "worker@test.local", "password": "secret"});
        let user = world.nobody.post("/api/v1/auth/signup/", &account).await.expect(200);
        assert_eq!(user["full_name"], Value::Null);
        assert_eq!(user["is_active"], true);
        assert_eq!(user["is_superuser"], false);
        id(&user)
    };
    let client = world.login("worker@test.local", "secret").await;
    assert_eq!(id(&client.get("/api/v1/users/me/").await.expect(200)), me);
    let renamed = client.put("/api/v1/users/me/", &json!({"full_name": "Worker"})).await.expect(200);
    assert_eq!(renamed["full_name"], "Worker");

    let project = client.post("/api/v1/projects/", &json!({"title": "Move house", "description": "In May"})).await;
    assert!(project.status.is_success());
    assert_eq!(project.header("location"), format!("/api/v1/projects/{}", project.json["id"]));
    let project = project.json;
    assert_eq!(project["owner_id"], me);
    assert!(project.get("tasks").is_none());
    let one = format!("/api/v1/projects/{}/", project["id"]);
    // PUT accepts a part of the object.
    let changed = client.put(&one, &json!({"description": null})).await.expect(200);
    assert_eq!((&changed["title"], &changed["description"]), (&json!("Move house"), &Value::Null));

    let body = json!({
        "title": "Pack", "description": null, "status": "TODO", "due_date": NAIVE, "project_id": project["id"],
    });
    let task = client.post("/api/v1/tasks/", &body).await;
    assert!(task.status.is_success());
    assert_eq!(task.header("location"), format!("/api/v1/tasks/{}", task.json["id"]));
    let task = task.json;
    assert_eq!(task["status"], "ToDo");
    assert_eq!(task["due_date"], "2031-05-06T07:08:09.123456Z");
    assert_eq!((&task["assignee_id"], &task["assignee"]), (&Value::Null, &Value::Null));

    let one = format!("/api/v1/tasks/{}/", task["id"]);
    for (spelling, stored) in
        [("IN_PROGRESS", "InProgress"), ("DONE", "Done"), ("TODO", "ToDo"), ("InProgress", "InProgress")]
    {
        let moved = client.post_empty(&format!("{one}status/{spelling}/")).await.expect(200);
        assert_eq!(moved["status"], stored);
        let put = client.put(&one, &json!({"status": spelling})).await.expect(200);
        assert_eq!(put["status"], stored);
    }
    let assigned = client.post_empty(&format!("{one}assign/2/")).await.expect(200);
    assert_eq!((&assigned["assignee_id"], &assigned["assignee"]["full_name"]), (&json!(2), &json!("Demo User")));
    let read = client.get(&one).await.expect(200);
    assert_eq!(id(&read["project"]), id(&project));
    assert_eq!(read["assignee"]["id"], 2);

    let project = client.get(&format!("/api/v1/projects/{}/", project["id"])).await.expect(200);
    assert_eq!(ids(&project["tasks"]), [id(&task)]);
    assert_eq!(project["tasks"][0]["assignee"]["id"], 2);

    assert_eq!(client.delete(&one).await.expect(200), json!({"status": "deleted"}));
    client.get(&one).await.expect_problem(404, "task_not_found");
    let gone = client.delete(&format!("/api/v1/projects/{}/", project["id"])).await.expect(200);
    assert_eq!((&gone["title"], id(&gone)), (&json!("Move house"), id(&project)));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_plain_arrays_cut_by_skip_and_limit() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut projects = Vec::new();
    for title in ["one", "two", "three", "four", "five"] {
        projects.push(ada.project(title).await);
    }
    let all: Vec<i64> = projects.iter().map(id).collect();
    let list = async |query: &str| ids(&ada.client.get(&format!("/api/v1/projects/{query}")).await.expect(200));
    assert_eq!(list("").await, all);
    assert_eq!(list("?skip=1&limit=2").await, all[1..3]);
    assert_eq!(list("?skip=4").await, all[4..]);
    assert_eq!(list("?skip=5&limit=100").await, [0; 0]);
    assert_eq!(list("?limit=1").await, all[..1]);

    let mut tasks = Vec::new();
    for title in ["first", "second", "third"] {
        tasks.push(id(&ada.task(&projects[0], title, json!({})).await));
    }
    let listed = ada.client.get("/api/v1/tasks/?skip=1&limit=100").await.expect(200);
    assert_eq!(ids(&listed), tasks[1..]);
    // A task of a list holds its assignee, not its project.
    assert!(listed[0].get("assignee").is_some() && listed[0].get("project").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_keeps_the_accounts() {
    let world = World::new().await;
    let admin = world.admin().await;
    let account = json!({"email": "new@test.local", "password": "secret", "full_name": "New", "is_superuser": false});
    let user = admin.post("/api/v1/users/", &account).await;
    assert!(user.status.is_success());
    assert_eq!(user.header("location"), format!("/api/v1/users/{}", user.json["id"]));
    let one = format!("/api/v1/users/{}/", user.json["id"]);
    assert_eq!(admin.get(&one).await.expect(200)["email"], "new@test.local");
    assert_eq!(admin.put(&one, &json!({"is_active": false})).await.expect(200)["is_active"], false);
    let all = admin.get("/api/v1/users/?skip=0&limit=100").await.expect(200);
    assert_eq!(ids(&all), [1, 2, id(&user.json)]);
    assert_eq!(admin.delete(&one).await.expect(200)["email"], "new@test.local");
    admin.get(&one).await.expect_problem(404, "user_not_found");
}
