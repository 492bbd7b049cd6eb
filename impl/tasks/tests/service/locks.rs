//! Lock contention: independent writes do not wait for each other, and none waits for long.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use testkit::TestDatabase;
use tokio::time::timeout;

use crate::world::{CONDITION_TIMEOUT, ME, PASSWORD, World, ask, id};

/// Another session's transaction that holds the locks of a statement until it is dropped.
async fn held(database: &TestDatabase, sql: String) -> PgConnection {
    let mut db = database.connect().await;
    db.execute("BEGIN").await.expect("begun");
    db.execute(AssertSqlSafe(sql)).await.expect("locked");
    db
}

/// Returns as soon as a statement like this one waits for a lock.
async fn waiting(database: &TestDatabase, statement: &str) {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE $1 || '%')";
    let mut db = database.connect().await;
    let wait = async {
        while !sqlx::query_scalar::<_, bool>(sql).bind(statement).fetch_one(&mut db).await.expect("an answer") {}
    };
    timeout(CONDITION_TIMEOUT, wait).await.unwrap_or_else(|_| panic!("{statement} never waits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn superusers_can_be_worked_with_while_an_account_is_being_deleted() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let project = ada.project("Busy").await;
    let blocked = ada.task(&project, "Of Bob", json!({"assignee_id": bob.id})).await;
    let free = ada.task(&project, "Of nobody", json!({})).await;

    let holder = held(&world.database, format!("UPDATE tasks SET title = 'Held' WHERE id = {}", id(&blocked))).await;
    let path = format!("/api/v1/users/{}", bob.id);
    let deleting = tokio::spawn({
        let admin = admin.clone();
        async move { admin.delete(&path).await }
    });
    waiting(&world.database, "SELECT erase_personal_data").await;
    ada.client.post_empty(&format!("/api/v1/tasks/{}/assign/1", free["id"])).await.expect(200);
    admin.post("/api/v1/projects", &json!({"title": "Meanwhile"})).await.expect(201);
    holder.close().await.expect("let go");
    deleting.await.expect("an answer").expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_added_to_a_project_that_is_being_changed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Busy").await;
    let holder = held(&world.database, format!("UPDATE projects SET title = 'Held' WHERE id = {}", id(&project))).await;
    ada.task(&project, "Added meanwhile", json!({"assignee_id": ada.id})).await;
    holder.close().await.expect("let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_is_asked_to_come_back_and_finds_nothing_done() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Held").await;
    let task = format!("/api/v1/tasks/{}", ada.task(&project, "Held", json!({})).await["id"]);
    let holder = held(&world.database, "LOCK TABLE tasks IN SHARE MODE".into()).await;
    let changes = [json!({"title": "Changed"}), json!({"status": "Done"})];
    for change in &changes {
        let answer = ada.client.patch(&task, change).await.expect_problem(503, "database_busy");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    }
    // Reads go on, and so does everything else.
    let before = ada.client.get(&task).await.expect(200);
    assert_eq!((&before["title"], &before["status"]), (&json!("Held"), &json!("ToDo")));
    world.login(&ada.email, PASSWORD).await.post("/api/v1/projects", &json!({"title": "Other"})).await.expect(201);
    holder.close().await.expect("let go");
    for change in &changes {
        ada.client.patch(&task, change).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_deleted_in_the_middle_of_a_request_is_told_so() {
    let world = World::new().await;
    for (method, path, body, statement) in [
        ("PUT", ME, json!({"full_name": "Late"}), "%FROM users WHERE id = $1 FOR"),
        ("PATCH", ME, json!({"password": "too late", "current_password": PASSWORD}), "%FROM users WHERE id = $1 FOR"),
        ("POST", "/api/v1/projects", json!({"title": "Late"}), "INSERT INTO projects"),
    ] {
        let ada = world.person("ada").await;
        let mut holder = held(&world.database, format!("DELETE FROM users WHERE id = {}", ada.id)).await;
        let request = tokio::spawn(async move { ask(&ada.client, method, path, Some(&body)).await });
        waiting(&world.database, statement).await;
        holder.execute("COMMIT").await.expect("deleted");
        request.await.expect("an answer").expect_problem(401, "invalid_token");
    }
}
