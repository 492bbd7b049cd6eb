//! What is deleted with a user or a project, by the service or by SQL.

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
    // Other processes are notified.
    until(&ada.client, ME, 401).await;
    ada.client.get("/api/v1/tasks").await.expect_problem(401, "invalid_token");
    world.try_login(&ada.email, crate::world::PASSWORD).await.expect_problem(400, "invalid_grant");
    // The e-mail is free again, for another user.
    let again = world.person("ada").await;
    assert_ne!(again.id, ada.id);
    assert_eq!(again.client.get("/api/v1/projects").await.expect(200), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_deleted_by_sql_takes_the_projects_along_and_leaves_tasks_unassigned() {
    let world = World::new().await;
    let scene = scene(&world).await;
    // A revoked token must not keep its user from being deleted.
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

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_deleted_user_stay_and_are_nobodys() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let sql = format!(
        "INSERT INTO products (id, sku, name, price_cents, stock) VALUES (71, 'spoon', 'Spoon', 100, 7);
         INSERT INTO orders (id, user_id, status, total_cents) VALUES (81, {0}, 'PAID', 100), (82, {0}, 'RESERVED', 200);
         INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
         VALUES (81, 71, 'spoon', 'Spoon', 1, 100), (82, 71, 'spoon', 'Spoon', 2, 100);
         INSERT INTO reservations (order_id, product_id, quantity, state) VALUES (81, 71, 1, 'committed'), (82, 71, 2, 'held');
         INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body)
         VALUES ({0}, 'k', decode(repeat('00', 16), 'hex'), 201, ARRAY[]::text[], '')",
        ada.id
    );
    world.database.execute(&sql).await;
    world.admin().await.delete(&format!("/api/v1/users/{}", ada.id)).await.expect(200);
    let mut db = world.database.connect().await;
    let orders: Vec<(i64, Option<i64>, String)> =
        sqlx::query_as("SELECT id, user_id, status FROM orders ORDER BY id").fetch_all(&mut db).await.expect("orders");
    assert_eq!(orders, [(81, None, "PAID".to_owned()), (82, None, "CANCELLED".to_owned())]);
    let left: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT stock FROM products WHERE id = 71), (SELECT count(*) FROM reservations WHERE state = 'held'),
                (SELECT count(*) FROM idempotency_keys)",
    )
    .fetch_one(&mut db)
    .await
    .expect("numbers");
    assert_eq!(left, (9, 0, 0));
}

/// More than one transaction should erase: the account first, the rest batch by batch.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_very_much_behind_is_deleted_all_the_same() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let sql = format!(
        "INSERT INTO projects (title, owner_id) SELECT 'Project ' || n, {0} FROM generate_series(1, 500) n;
         INSERT INTO tasks (title, project_id) SELECT 'Task ' || n, p.id FROM projects p, generate_series(1, 10) n WHERE owner_id = {0};
         INSERT INTO orders (user_id, status, total_cents) SELECT {0}, 'PAID', 100 FROM generate_series(1, 3000)",
        ada.id
    );
    world.database.execute(&sql).await;
    let (kept, admin) = (bob.project("Bob's").await, world.admin().await);
    let before = admin.get(&format!("/api/v1/users/{}", ada.id)).await.expect(200);
    let mut answer = admin.delete(&format!("/api/v1/users/{}", ada.id)).await;
    // On a busy machine; whatever was erased stays erased.
    while answer.status == 503 {
        answer = admin.delete(&format!("/api/v1/users/{}", ada.id)).await;
    }
    let gone = answer.expect(200);
    assert_eq!((&gone["id"], &gone["email"]), (&before["id"], &before["email"]));
    until(&ada.client, ME, 401).await;
    let left: (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM projects WHERE title LIKE 'Project %'), (SELECT count(*) FROM tasks WHERE title LIKE 'Task %'),
                (SELECT count(*) FROM orders WHERE user_id IS NULL)",
    )
    .fetch_one(&mut world.database.connect().await)
    .await
    .expect("numbers");
    assert_eq!(left, (0, 0, 3_000));
    assert_eq!(ids(&bob.client.get("/api/v1/projects").await.expect(200)), [id(&kept)]);
}
