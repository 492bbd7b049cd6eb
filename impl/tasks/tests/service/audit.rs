//! The audit log: who did what to whom, from where, and that entries cannot be changed.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::world::{ME, PASSWORD, World};

const EVENTS: &str = "/api/v1/audit-events";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_accounts_is_written_with_who_and_where() {
    let world = World::with(&["--trusted-proxies", "127.0.0.1"]).await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let one = format!("/api/v1/users/{}", ada.id);
    let from = async |method: http::Method, path: &str, body: Value| {
        let request = admin.request(method, path).header("x-forwarded-for", "2001:db8::7").json(&body);
        admin.send(request.header("x-request-id", "asked-by-a-test")).await
    };
    let made = json!({"email": "root@example.com", "password": PASSWORD, "is_superuser": true});
    let root = from(http::Method::POST, "/api/v1/users", made).await.expect(201)["id"].to_string();
    for change in [
        json!({"full_name": "No event"}),
        json!({"is_superuser": true, "is_active": true}),
        json!({"is_superuser": false, "is_active": false}),
        json!({"is_active": true, "email": "lady@example.com", "password": "another one"}),
    ] {
        from(http::Method::PATCH, &one, change).await.expect(200);
    }
    // Rejected requests leave no entry.
    from(http::Method::PATCH, &one, json!({"email": "root@example.com", "password": "third one"})).await.expect(409);
    let own = world.login("lady@example.com", "another one").await;
    own.patch(ME, &json!({"password": PASSWORD, "current_password": "another one"})).await.expect(200);
    from(http::Method::DELETE, &one, Value::Null).await.expect(200);

    let events = admin.get(EVENTS).await.expect(200);
    let told: Vec<(&str, String, &str)> = events
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or("");
            (text("action"), event["actor_id"].to_string(), text("object_id"))
        })
        .collect();
    let (by_admin, ada_id) = ("1".to_owned(), ada.id.to_string());
    let expected = [
        ("user.created", &by_admin, &*root),
        ("user.superuser_granted", &by_admin, &*root),
        ("user.superuser_granted", &by_admin, &*ada_id),
        ("user.deactivated", &by_admin, &*ada_id),
        ("user.superuser_revoked", &by_admin, &*ada_id),
        ("user.email_changed", &by_admin, &*ada_id),
        ("user.password_changed", &by_admin, &*ada_id),
        ("user.activated", &by_admin, &*ada_id),
        ("user.password_changed", &ada_id, &*ada_id),
        ("user.deleted", &by_admin, &*ada_id),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(action, by, on)| (action, by.clone(), on)).collect();
    assert_eq!(told, expected);
    let last = &events[0];
    assert_eq!((&last["address"], &last["request_id"]), (&json!("2001:db8::7"), &json!("asked-by-a-test")));
    assert!(last["created_at"].is_string() && last["object_type"] == "user");

    // Filters, and pages that continue where the last ended.
    let count = async |query: &str| {
        let path = format!("{EVENTS}?{query}");
        admin.get(&path).await.expect(200).as_array().expect("a list").len()
    };
    assert_eq!(count(&format!("actor_id={}", ada.id)).await, 1);
    assert_eq!(count("action=user.password_changed").await, 2);
    assert_eq!(count(&format!("object_type=user&object_id={root}")).await, 2);
    assert_eq!(count("since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z").await, 0);
    assert_eq!(count("since=2020-01-01T00:00:00Z").await, 10);
    let first = admin.get(&format!("{EVENTS}?limit=6")).await;
    let cursor = first.header("x-next-cursor").to_owned();
    let second = admin.get(&format!("{EVENTS}?limit=6&cursor={cursor}")).await.expect(200);
    assert_eq!(second.as_array().expect("a list").len(), 4);

    world.person("bob").await.client.get(EVENTS).await.expect_problem(403, "insufficient_scope");
    world.nobody.get(EVENTS).await.expect_problem(401, "missing_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_not_changed_by_whoever_owns_the_table_either() {
    let world = World::new().await;
    let admin = world.admin().await;
    let made = json!({"email": "root@example.com", "password": PASSWORD});
    admin.post("/api/v1/users", &made).await.expect(201);
    let mut db = world.database.connect().await;
    for sql in [
        "UPDATE audit_events SET actor_id = 2",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "INSERT INTO audit_events (id, action, object_type) VALUES (1, 'user.created', 'user')",
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.expect_err(sql);
    }
    // Old entries are deleted.
    sqlx::query("INSERT INTO audit_events (created_at, action, object_type) SELECT now() - interval '401 days', 'user.created', 'user' FROM generate_series(1, 3)")
        .execute(&mut db)
        .await
        .expect("inserts");
    let gone: i64 = sqlx::query_scalar("SELECT forget_audit_events(2)").fetch_one(&mut db).await.expect("deletes");
    assert_eq!(gone, 2);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events").fetch_one(&mut db).await.expect("counts");
    assert_eq!(left, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_superusers_delete_of_others_is_written() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let (kept, gone) = (ada.project("Stays for a while").await, ada.project("Goes").await);
    let (own, task) = (ada.task(&kept, "Her own", json!({})).await, ada.task(&kept, "Not kept", json!({})).await);
    // What users do with their own data is not audited.
    ada.client.delete(&format!("/api/v1/tasks/{}", own["id"])).await.expect(200);
    let mine = admin.post("/api/v1/projects", &json!({"title": "The admin's own"})).await.expect(201);
    admin.delete(&format!("/api/v1/projects/{}", mine["id"])).await.expect(200);
    // Rejected requests leave no entry.
    let stale =
        admin.request(http::Method::DELETE, &format!("/api/v1/tasks/{}", task["id"])).header("if-match", "\"x\"");
    admin.send(stale).await.expect_problem(412, "precondition_failed");
    ada.client.delete(&format!("/api/v1/projects/{}", i64::MAX >> 10)).await.expect_problem(404, "project_not_found");
    assert_eq!(admin.get(EVENTS).await.expect(200), json!([]));

    admin.delete(&format!("/api/v1/tasks/{}", task["id"])).await.expect(200);
    admin.delete(&format!("/api/v1/projects/{}", gone["id"])).await.expect(200);
    ada.client.delete(&format!("/api/v1/projects/{}", kept["id"])).await.expect(200);
    let events = admin.get(EVENTS).await.expect(200);
    let told = |event: &Value| ["action", "object_type", "object_id", "actor_id"].map(|name| event[name].clone());
    let told: Vec<_> = events.as_array().expect("a list").iter().rev().map(told).collect();
    let expected = [("task", &task), ("project", &gone)]
        .map(|(kind, it)| [json!(format!("{kind}.deleted")), json!(kind), json!(it["id"].to_string()), json!(1)]);
    assert_eq!(told, expected);
}
