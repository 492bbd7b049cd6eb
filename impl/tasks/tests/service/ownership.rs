//! Nothing of one user can be read, changed, listed or guessed by another: every operation, called by another user, returns for
//! an existing object exactly what it returns for a missing one.

use http::header::{DATE, HeaderName};
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{Person, World, ask, id};

/// Operations that take the id of an object: method, path, and bodies to try.
fn on_objects() -> Vec<(&'static str, &'static str, &'static str, Vec<Value>)> {
    let project = || vec![json!({"title": "Stolen"}), json!({}), json!({"title": "x"}), json!({"owner_id": 1})];
    let task =
        || vec![json!({"title": "Stolen", "status": "Done"}), json!({}), json!({"assignee_id": null}), json!([])];
    vec![
        ("get_user", "GET", "/api/v1/users/{user}", vec![]),
        ("get_project", "GET", "/api/v1/projects/{project}", vec![]),
        ("put_project", "PUT", "/api/v1/projects/{project}", project()),
        ("patch_project", "PATCH", "/api/v1/projects/{project}", project()),
        ("delete_project", "DELETE", "/api/v1/projects/{project}", vec![]),
        ("get_task", "GET", "/api/v1/tasks/{task}", vec![]),
        ("put_task", "PUT", "/api/v1/tasks/{task}", task()),
        ("patch_task", "PATCH", "/api/v1/tasks/{task}", task()),
        ("delete_task", "DELETE", "/api/v1/tasks/{task}", vec![]),
        ("set_task_status", "POST", "/api/v1/tasks/{task}/status/Done", vec![]),
        ("assign_task", "POST", "/api/v1/tasks/{task}/assign/{me}", vec![]),
        ("assign_task", "POST", "/api/v1/tasks/{task}/assign/4711", vec![]),
        (
            "create_task",
            "POST",
            "/api/v1/tasks",
            vec![
                json!({"title": "Planted", "project_id": "{project}"}),
                json!({"title": "Planted", "project_id": "{project}", "assignee_id": "{me}"}),
                json!({"title": "Planted", "project_id": "{project}", "assignee_id": 4711}),
            ],
        ),
    ]
}

/// Operations on the caller's own data or on no object, or for superusers only.
const NOT_ON_OBJECTS: [&str; 50] = [
    "login_access_token",
    "signup",
    "logout",
    "revoke_token",
    // Of other users they do not exist; see `sessions` and `api_tokens`.
    "list_sessions",
    "end_sessions",
    "end_session",
    "list_api_tokens",
    "create_api_token",
    "get_api_token",
    "revoke_api_token",
    "export_personal_data",
    "get_account_deletion",
    "schedule_account_deletion",
    "cancel_account_deletion",
    // Of the caller, or of whoever has the token of a mail; see `email`.
    "send_email_verification",
    "change_email",
    "confirm_email",
    "forgot_password",
    "reset_password",
    // See `openid`.
    "list_openid_providers",
    "begin_openid_authorization",
    "log_in_with_openid",
    "link_openid_identity",
    "list_openid_identities",
    "unlink_openid_identity",
    // Of oneself; see `second_factors`.
    "get_second_factors",
    "begin_totp",
    "confirm_totp",
    "replace_recovery_codes",
    "disable_totp",
    // See `passkeys`.
    "list_passkeys",
    "begin_passkey_registration",
    "create_passkey",
    "delete_passkey",
    "begin_passkey_login",
    "login_with_passkey",
    "test_token",
    "get_me",
    "put_me",
    "patch_me",
    "create_project",
    "list_projects",
    "list_tasks",
    // For superusers; see `rights`.
    "list_users",
    "list_audit_events",
    "create_user",
    "put_user",
    "patch_user",
    "delete_user",
];

struct Targets {
    user: i64,
    project: i64,
    task: i64,
}

const MISSING: Targets =
    Targets { user: 9_007_199_254_740_991, project: 9_007_199_254_740_991, task: 9_007_199_254_740_991 };

impl Targets {
    fn fill(&self, text: &str, me: i64) -> String {
        text.replace("{user}", &self.user.to_string())
            .replace("{project}", &self.project.to_string())
            .replace("{task}", &self.task.to_string())
            .replace("{me}", &me.to_string())
    }

    fn fill_body(&self, body: &Value, me: i64) -> Value {
        let text = body.to_string().replace("\"{project}\"", "{project}").replace("\"{me}\"", "{me}");
        serde_json::from_str(&self.fill(&text, me)).expect("JSON")
    }
}

/// The visible part of a response, without what differs each time.
fn visible(answer: &Answer) -> (u16, Value, Vec<(HeaderName, String)>) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| **name != DATE && name.as_str() != "x-request-id")
        .map(|(name, value)| (name.clone(), format!("{value:?}")))
        .collect();
    headers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
    (answer.status.as_u16(), answer.without_request_id(), headers)
}

async fn everything(client: &Client, targets: &Targets) -> Vec<String> {
    let paths = ["/api/v1/users/{user}", "/api/v1/projects/{project}", "/api/v1/tasks/{task}"];
    let mut all = Vec::new();
    for path in paths {
        all.push(client.get(&targets.fill(path, 0)).await.text);
    }
    all
}

async fn owned(world: &World) -> (Person, Targets) {
    let ada = world.person("ada").await;
    let project = ada.project("Ada's secret plan").await;
    let task = ada.task(&project, "Ada's secret step", json!({"assignee_id": ada.id})).await;
    let targets = Targets { user: ada.id, project: id(&project), task: id(&task) };
    (ada, targets)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_anothers_object_from_a_missing_one() {
    let world = World::new().await;
    let (ada, targets) = owned(&world).await;
    let eve = world.person("eve").await;
    let before = everything(&ada.client, &targets).await;
    for (operation, method, path, bodies) in on_objects() {
        let bodies: Vec<Option<Value>> =
            if bodies.is_empty() { vec![None] } else { bodies.into_iter().map(Some).collect() };
        for body in bodies {
            for condition in [None, Some("*"), Some("\"0123\"")] {
                let mut answers = Vec::new();
                for targets in [&targets, &MISSING] {
                    let request = eve.client.request(method.parse().expect("a method"), &targets.fill(path, eve.id));
                    let request = match condition {
                        Some(tag) => request.header("if-match", tag).header("if-none-match", tag),
                        None => request,
                    };
                    answers.push(
                        eve.client
                            .send(match &body {
                                Some(body) => request.json(&targets.fill_body(body, eve.id)),
                                None => request,
                            })
                            .await,
                    );
                }
                assert_eq!(visible(&answers[0]), visible(&answers[1]), "{operation} {path} {body:?} {condition:?}");
                let valid = body
                    .as_ref()
                    .is_none_or(|body| body.is_object() && body["title"] != "x" && body.get("owner_id").is_none());
                assert_eq!(answers[0].status.as_u16(), if valid { 404 } else { 422 }, "{operation} {body:?}");
            }
        }
    }
    assert_eq!(everything(&ada.client, &targets).await, before);
}

#[test]
fn no_operation_was_forgotten() {
    let covered: Vec<&str> = on_objects().iter().map(|(operation, ..)| *operation).chain(NOT_ON_OBJECTS).collect();
    for operation in tasks::OPERATIONS {
        assert!(covered.contains(&operation.id), "{} is not asked by a stranger", operation.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_cannot_be_moved_into_anothers_project() {
    let world = World::new().await;
    let (ada, targets) = owned(&world).await;
    let eve = world.person("eve").await;
    let own = eve.project("Eve's").await;
    let task = format!("/api/v1/tasks/{}", eve.task(&own, "Trojan", json!({})).await["id"]);
    let before = ada.client.get(&targets.fill("/api/v1/projects/{project}", 0)).await.text;
    for method in ["PUT", "PATCH"] {
        let mut answers = Vec::new();
        for project in [targets.project, MISSING.project] {
            answers.push(ask(&eve.client, method, &task, Some(&json!({"project_id": project}))).await);
        }
        assert_eq!(visible(&answers[0]), visible(&answers[1]));
        answers.remove(0).expect_problem(404, "project_not_found");
    }
    assert_eq!(ada.client.get(&targets.fill("/api/v1/projects/{project}", 0)).await.text, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filters_searches_and_counts_leak_nothing() {
    let world = World::new().await;
    let (ada, targets) = owned(&world).await;
    let eve = world.person("eve").await;
    let queries = [
        String::new(),
        "q=secret".into(),
        "q=%25%25%25".into(),
        "sort=-title".into(),
        "skip=0&limit=1000".into(),
        format!("project_id={}", targets.project),
        format!("assignee_id={}", targets.user),
        format!("project_id={}&assignee_id={}", targets.project, targets.user),
        "project_id=1".into(),
        "assignee_id=1".into(),
        "status=ToDo&status=InProgress&status=Done".into(),
        "due_after=0001-01-01".into(),
    ];
    for list in ["/api/v1/projects", "/api/v1/tasks"] {
        // Projects have no such filters, and lists reject unknown ones.
        let of_tasks = ["project_id", "assignee_id", "status", "due_after"];
        let known = |query: &&String| list.ends_with("tasks") || !of_tasks.iter().any(|name| query.starts_with(name));
        for query in queries.iter().filter(known) {
            let answer = eve.client.get(&format!("{list}?count=true&{query}")).await;
            assert_eq!((&answer.json, answer.header("x-total-count")), (&json!([]), "0"), "{list} {query}");
            assert!(answer.header("x-next-cursor").is_empty() && answer.header("link").is_empty());
        }
        // The owner does find them: the queries themselves do not hide them.
        let found = ada.client.get(&format!("{list}?count=true&q=secret")).await;
        assert_eq!(found.header("x-total-count"), "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_shows_ones_own_rows_only() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    for title in ["alpha", "beta", "gamma"] {
        ada.project(title).await;
    }
    for sort in ["id", "-id", "title", "-title", "created_at", "-created_at"] {
        let first = ada.client.get(&format!("/api/v1/projects?limit=1&sort={sort}")).await;
        let cursor = first.header("x-next-cursor");
        assert!(!cursor.is_empty());
        let answer = eve.client.get(&format!("/api/v1/projects?sort={sort}&count=true&cursor={cursor}")).await;
        assert_eq!((&answer.json, answer.header("x-total-count")), (&json!([]), "0"), "{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignee_sees_the_task_and_nothing_around_it() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let project = ada.project("Shared in part").await;
    let shared = ada.task(&project, "For Bob", json!({"assignee_id": bob.id})).await;
    let hidden = ada.task(&project, "Not for Bob", json!({})).await;
    let bobs = bob.project("Bob's own").await;
    let own = bob.task(&bobs, "His own", json!({})).await;

    let list = async |query: &str| {
        let answer = bob.client.get(&format!("/api/v1/tasks?count=true&{query}")).await;
        let ids = crate::world::ids(&answer.json);
        assert_eq!(answer.header("x-total-count"), ids.len().to_string());
        ids
    };
    assert_eq!(list("").await, [id(&shared), id(&own)]);
    assert_eq!(list(&format!("project_id={}", project["id"])).await, [id(&shared)]);
    assert_eq!(list("q=for").await, [id(&shared)]);
    bob.client.get(&format!("/api/v1/projects/{}", project["id"])).await.expect_problem(404, "project_not_found");
    bob.client.get(&format!("/api/v1/tasks/{}", hidden["id"])).await.expect_problem(404, "task_not_found");
    assert_eq!(list("sort=-id").await, [id(&own), id(&shared)]);

    // After the assignment is removed the task is not visible any more.
    let path = format!("/api/v1/tasks/{}", shared["id"]);
    assert_eq!(id(&bob.client.get(&path).await.expect(200)["project"]), id(&project));
    ada.client.patch(&path, &json!({"assignee_id": null})).await.expect(200);
    bob.client.get(&path).await.expect_problem(404, "task_not_found");
    bob.client.put(&path, &json!({"title": "Still mine"})).await.expect_problem(404, "task_not_found");
    bob.client.post_empty(&format!("{path}/status/Done")).await.expect_problem(404, "task_not_found");
    assert_eq!(list("").await, [id(&own)]);
}
