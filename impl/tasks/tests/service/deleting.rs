//! What goes with a user or a project, whether the service deletes it or somebody's SQL does.

use serde_json::{Value, json};

use crate::world::{ME, Person, World, id, ids, until};

struct Scene {
    ada: Person,
    bob: Person,
    adas: Value,
    bobs: Value,
    /// In Bob's project, assigned to Ada.
    lent: Value,
    /// In Ada's project, assigned to Bob.
    borrowed: Value,
}

async fn scene(world: &World) -> Scene {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (adas, bobs) = (ada.project("Ada's").await, bob.project("Bob's").await);
    let lent = bob.task(&bobs, "Lent to Ada", json!({"assignee_id": ada.id})).await;
    let borrowed = ada.task(&adas, "Borrowed by Bob", json!({"assignee_id": bob.id})).await;
    Scene { ada, bob, adas, bobs, lent, borrowed }
}

async fn ada_is_gone(world: &World, scene: &Scene) {
    let Scene { ada, bob, adas, bobs, lent, borrowed } = scene;
    let admin = world.admin().await;
    admin.get(&format!("/api/v1/users/{}", ada.id)).await.expect_problem(404, "user_not_found");
    admin.get(&format!("/api/v1/projects/{}", adas["id"])).await.expect_problem(404, "project_not_found");
    admin.get(&format!("/api/v1/tasks/{}", borrowed["id"])).await.expect_problem(404, "task_not_found");
    assert_eq!(ids(&bob.client.get("/api/v1/tasks").await.expect(200)), [id(lent)]);
    let task = bob.client.get(&format!("/api/v1/tasks/{}", lent["id"])).await.expect(200);
    assert_eq!((&task["assignee_id"], &task["assignee"]), (&Value::Null, &Value::Null));
    assert_eq!(task["project_id"], bobs["id"]);
    assert!(task["updated_at"].as_str() > lent["updated_at"].as_str(), "the change shows");
    // Who listens hears of it.
    until(&ada.client, ME, 401).await;
    ada.client.get("/api/v1/tasks").await.expect_problem(401, "invalid_token");
    world.try_login(&ada.email, crate::world::PASSWORD).await.expect_problem(400, "invalid_grant");
    // The address is free again, and its new owner is somebody else.
    let again = world.person("ada").await;
    assert_ne!(again.id, ada.id);
    assert_eq!(again.client.get("/api/v1/projects").await.expect(200), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_by_sql_takes_the_projects_along_and_leaves_tasks_unassigned() {
    let world = World::new().await;
    let scene = scene(&world).await;
    // A token that was revoked must not keep its user.
    world.login(&scene.ada.email, crate::world::PASSWORD).await.post_empty("/api/v1/auth/logout").await.expect(204);
    world.database.execute(&format!("DELETE FROM users WHERE email = '{}'", scene.ada.email)).await;
    ada_is_gone(&world, &scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_over_http_leaves_the_same_behind() {
    let world = World::new().await;
    let scene = scene(&world).await;
    let admin = world.admin().await;
    let before = admin.get(&format!("/api/v1/users/{}", scene.ada.id)).await.expect(200);
    assert_eq!(admin.delete(&format!("/api/v1/users/{}", scene.ada.id)).await.expect(200), before);
    ada_is_gone(&world, &scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deactivated_or_promoted_by_sql_is_noticed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    ada.client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
    world.database.execute(&format!("UPDATE users SET is_superuser = true WHERE id = {}", ada.id)).await;
    until(&ada.client, "/api/v1/users", 200).await;
    world.database.execute(&format!("UPDATE users SET is_active = false WHERE id = {}", ada.id)).await;
    until(&ada.client, ME, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_takes_its_tasks_along() {
    let world = World::new().await;
    let Scene { ada, bob, adas, lent, borrowed, .. } = scene(&world).await;
    let path = format!("/api/v1/projects/{}", adas["id"]);
    let gone = ada.client.delete(&path).await.expect(200);
    assert_eq!(gone, adas, "the answer is the project, without tasks");
    ada.client.delete(&path).await.expect_problem(404, "project_not_found");
    bob.client.get(&format!("/api/v1/tasks/{}", borrowed["id"])).await.expect_problem(404, "task_not_found");
    assert_eq!(ids(&ada.client.get("/api/v1/tasks").await.expect(200)), [id(&lent)]);
}
