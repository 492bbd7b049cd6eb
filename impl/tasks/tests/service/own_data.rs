//! The deletion of one's account: what can be done until then, and what is left. With data of all services: impl/server/tests/own_data.rs.

use serde_json::{Value, json};

use crate::world::{LOGIN, ME, PASSWORD, Person, World, id, service, until};

const DELETION: &str = "/api/v1/users/me/deletion";
pub(crate) const EXPORT: &str = "/api/v1/users/me/export";

async fn schedule(person: &Person) -> Value {
    person.client.post(DELETION, &json!({"current_password": PASSWORD})).await.expect(202)
}

/// As if the grace period was over.
async fn let_time_pass(world: &World, user: i64) {
    let sql = "UPDATE account_deletions SET deletion_at = now() - interval '1 second', due_at = now() WHERE user_id = ";
    world.database.execute(&format!("{sql}{user}")).await;
}

pub(crate) async fn number(world: &World, sql: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    sqlx::query_scalar(sql).fetch_one(&mut world.database.connect().await).await.expect("a number")
}

async fn actions(world: &World, user: i64) -> Vec<String> {
    let sql = "SELECT action FROM audit_events WHERE object_type = 'user' AND object_id = $1 ORDER BY id";
    let actions = sqlx::query_scalar(sql).bind(user.to_string());
    actions.fetch_all(&mut world.database.connect().await).await.expect("actions")
}

pub(crate) async fn expect_nothing_left(world: &World) {
    let left: Vec<String> = sqlx::query_scalar("SELECT leftovers_of_erased_accounts()")
        .fetch_all(&mut world.database.connect().await)
        .await
        .expect("lines");
    assert_eq!(left, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_to_be_deleted_can_only_be_kept() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let token = json!({"name": "x", "scopes": ["user"]});
    let token = ada.client.post("/api/v1/auth/api-tokens", &token).await.expect(201)["token"].clone();
    let program = ada.client.with_token(token.as_str().expect("a token"));
    let (project, second) = (ada.project("Stays").await, world.login(&ada.email, PASSWORD).await);
    assert_eq!(ada.client.get(DELETION).await.expect(200), json!({"deletion_at": null}));

    for client in [&program, &world.nobody] {
        let code = if client.token().is_some() { (403, "session_required") } else { (401, "missing_token") };
        client.get(DELETION).await.expect_problem(code.0, code.1);
        client.delete(DELETION).await.expect_problem(code.0, code.1);
        client.get(EXPORT).await.expect_problem(code.0, code.1);
        let body = json!({"current_password": PASSWORD});
        client.post(DELETION, &body).await.expect_problem(code.0, code.1);
    }
    for wrong in
        [json!({}), json!({"current_password": null}), json!({"current_password": PASSWORD, "user_id": bob.id})]
    {
        ada.client.post(DELETION, &wrong).await.expect_problem(422, "validation_failed");
    }
    ada.client.post(DELETION, &json!({"current_password": "wrong horse"})).await.expect_problem(403, "wrong_password");
    assert_eq!(ada.client.get(DELETION).await.expect(200), json!({"deletion_at": null}));

    let scheduled = schedule(&ada).await;
    for client in [&ada.client, &second, &program] {
        client.get(ME).await.expect_problem(401, "invalid_token");
    }
    let form = [("username", "ada@example.com"), ("password", PASSWORD)];
    let told = world.nobody.form(LOGIN, &form).await.expect(200);
    assert_eq!(told["deletion_at"], scheduled["deletion_at"]);
    let ada = Person { client: ada.client.with_token(told["access_token"].as_str().expect("a token")), ..ada };
    assert_eq!(ada.client.get(DELETION).await.expect(200), scheduled);
    // The grace period began with the first request.
    assert_eq!(schedule(&ada).await, scheduled);
    let ada = Person { client: world.login(&ada.email, PASSWORD).await, ..ada };
    let path = format!("/api/v1/projects/{}", project["id"]);
    for refused in ["/api/v1/projects", "/api/v1/tasks", &path, "/api/v1/auth/sessions", "/api/v1/auth/api-tokens"] {
        ada.client.get(refused).await.expect_problem(403, "account_deletion_scheduled");
    }
    ada.client.patch(ME, &json!({"full_name": "x"})).await.expect_problem(403, "account_deletion_scheduled");
    ada.client.delete(&path).await.expect_problem(403, "account_deletion_scheduled");
    assert_eq!(ada.client.get(ME).await.expect(200)["id"], ada.id);
    assert_eq!(ada.client.get(EXPORT).await.status, 200);

    assert_eq!(service(&world.database).erase_due_accounts().await.expect("it runs"), 0, "nothing is due");
    ada.client.delete(DELETION).await.expect(204);
    ada.client.delete(DELETION).await.expect(204);
    assert_eq!(ada.client.get(DELETION).await.expect(200), json!({"deletion_at": null}));
    ada.client.get(&path).await.expect(200);
    program.get(ME).await.expect_problem(401, "invalid_token");
    bob.client.get("/api/v1/projects").await.expect(200);
    let told = world.nobody.form(LOGIN, &form).await.expect(200);
    assert_eq!(told.get("deletion_at"), None);
    let audited = ["user.deletion_scheduled", "user.data_exported", "user.deletion_cancelled"];
    assert_eq!(actions(&world, ada.id).await, audited);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_superuser_stays() {
    let world = World::new().await;
    let admin = world.admin().await;
    let password = json!({"current_password": "admin"});
    admin.post(DELETION, &password).await.expect_problem(409, "last_superuser");
    let root = json!({"email": "root@example.com", "password": PASSWORD, "is_superuser": true});
    let root = id(&admin.post("/api/v1/users", &root).await.expect(201));
    let other = world.login("root@example.com", PASSWORD).await;
    // Of two at once one has to stay.
    let own = json!({"current_password": PASSWORD});
    let (one, two) = tokio::join!(admin.post(DELETION, &password), other.post(DELETION, &own));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
    let (stays, id) = if one.status == 409 { (admin, 1) } else { (other, root) };
    // The one that leaves is none any more on whom one could rely.
    let rights = json!({"is_superuser": false});
    stays.patch(&format!("/api/v1/users/{id}"), &rights).await.expect_problem(409, "last_superuser");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_erased_after_the_grace_period() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (adas, bobs) = (ada.project("Ada's").await, bob.project("Bob's").await);
    ada.task(&adas, "Of Ada's", json!({"assignee_id": bob.id})).await;
    let lent = bob.task(&bobs, "Lent to Ada", json!({"assignee_id": ada.id})).await;
    world.database.execute(&goods(ada.id)).await;
    schedule(&ada).await;
    let_time_pass(&world, ada.id).await;
    let again = world.login(&ada.email, PASSWORD).await;

    let (one, two) = (service(&world.database), service(&world.database));
    let (one, two) = tokio::join!(one.erase_due_accounts(), two.erase_due_accounts());
    assert_eq!(one.expect("it runs") + two.expect("it runs"), 1, "by one of them");
    expect_nothing_left(&world).await;
    until(&again, ME, 401).await;
    world
        .nobody
        .form(LOGIN, &[("username", &*ada.email), ("password", PASSWORD)])
        .await
        .expect_problem(400, "invalid_grant");
    let task = bob.client.get(&format!("/api/v1/tasks/{}", lent["id"])).await.expect(200);
    assert_eq!(task["assignee_id"], Value::Null);
    // What was sold is sold, what was held is on the shelf again.
    assert_eq!(number(&world, "SELECT stock::bigint FROM products WHERE id = 71").await, 9);
    let orders =
        "SELECT count(*) FROM orders WHERE id IN (81, 82) AND user_id IS NULL AND status IN ('PAID', 'CANCELLED')";
    assert_eq!(number(&world, orders).await, 2);
    assert_eq!(number(&world, "SELECT count(*) FROM page_view_erasures").await, 1, "left to analytics");
    assert_eq!(actions(&world, ada.id).await, ["user.deletion_scheduled", "user.deleted"]);

    let fresh = world.person("ada").await;
    assert_ne!(fresh.id, ada.id);
    for path in ["/api/v1/projects", "/api/v1/tasks"] {
        assert_eq!(fresh.client.get(path).await.expect(200), json!([]));
    }
    assert_eq!(fresh.client.get(DELETION).await.expect(200), json!({"deletion_at": null}));
}

/// A product, an order that is paid and one that is not.
fn goods(user: i64) -> String {
    format!(
        "INSERT INTO products (id, sku, name, price_cents, stock) VALUES (71, 'spoon', 'Spoon', 100, 7);
         INSERT INTO orders (id, user_id, status, total_cents) VALUES (81, {user}, 'PAID', 100), (82, {user}, 'RESERVED', 200);
         INSERT INTO order_items (order_id, product_id, sku, name, quantity, unit_price_cents)
         VALUES (81, 71, 'spoon', 'Spoon', 1, 100), (82, 71, 'spoon', 'Spoon', 2, 100);
         INSERT INTO reservations (order_id, product_id, quantity, state) VALUES (81, 71, 1, 'committed'), (82, 71, 2, 'held')"
    )
}

/// Killed or failed in the middle: the account is closed, what is erased stays erased, and a later round completes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_fails_in_the_middle_goes_on_later() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let sql = format!(
        "INSERT INTO projects (title, owner_id) SELECT 'Project ' || n, {0} FROM generate_series(1, 250) n;
         INSERT INTO tasks (title, project_id) SELECT 'Task ' || n, p.id FROM projects p, generate_series(1, 10) n WHERE owner_id = {0};
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
         CREATE TRIGGER fail BEFORE DELETE ON projects FOR EACH ROW EXECUTE FUNCTION fail()",
        ada.id
    );
    world.database.execute(&sql).await;
    schedule(&ada).await;
    schedule(&bob).await;
    let_time_pass(&world, ada.id).await;
    let_time_pass(&world, bob.id).await;
    let leaving = world.login(&ada.email, PASSWORD).await;
    let erasing = service(&world.database);
    assert_eq!(erasing.erase_due_accounts().await.expect("it runs"), 1, "others have their turn");
    assert_eq!(number(&world, "SELECT count(*) FROM tasks WHERE title LIKE 'Task %'").await, 500, "a batch is gone");
    // It is too late.
    until(&leaving, ME, 401).await;
    leaving.delete(DELETION).await.expect_problem(401, "invalid_token");
    let form = [("username", &*ada.email), ("password", PASSWORD)];
    world.nobody.form(LOGIN, &form).await.expect_problem(400, "invalid_grant");

    world.database.execute("DROP TRIGGER fail ON projects").await;
    assert_eq!(erasing.erase_due_accounts().await.expect("it runs"), 0, "not at once");
    world.database.execute("UPDATE account_deletions SET due_at = now()").await;
    assert_eq!(erasing.erase_due_accounts().await.expect("it runs"), 1);
    assert_eq!(number(&world, "SELECT count(*) FROM projects WHERE title LIKE 'Project %'").await, 0);
    expect_nothing_left(&world).await;
}

/// One wins, and nothing is half done.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_kept_or_erased() {
    let world = World::new().await;
    let erasing = service(&world.database);
    let (mut kept, mut gone) = (0, 0);
    for round in 0..12 {
        let ada = world.person(&format!("ada{round}")).await;
        ada.project("Hers").await;
        schedule(&ada).await;
        let_time_pass(&world, ada.id).await;
        let client = world.login(&ada.email, PASSWORD).await;
        let cancel = async {
            tokio::time::sleep(std::time::Duration::from_millis(round / 3)).await;
            client.delete(DELETION).await
        };
        let (answer, erased) = tokio::join!(cancel, erasing.erase_due_accounts());
        let erased = erased.expect("it runs");
        let projects = number(&world, &format!("SELECT count(*) FROM projects WHERE owner_id = {}", ada.id)).await;
        match answer.status.as_u16() {
            204 => {
                assert_eq!((erased, projects), (0, 1));
                client.get("/api/v1/projects").await.expect(200);
                kept += 1;
            }
            status => {
                assert_eq!((status, erased, projects), (401, 1, 0), "{}", answer.text);
                gone += 1;
            }
        }
    }
    println!("{kept} kept, {gone} erased");
    expect_nothing_left(&world).await;
}
