//! Planted defects, of the kinds that trackers' advisories are about: the matrix reports the operations that have one, and no other.

use std::collections::BTreeSet;

use permission_matrix::plants::{Defect, Plants};
use permission_matrix::{Report, run};
use serde_json::{Value, json};
use tasks::DOCUMENT;
use testkit::Setup;

use super::Objects;

/// With a function of a migration in the database, as it would be with a defect.
fn function(name: &str, row: &str, condition: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {name}({row} {row}s, caller bigint, superuser boolean) RETURNS boolean
         LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT {condition} $$"
    )
}

/// The matrix of a service whose functions in the database are replaced. Of operations on tasks and projects only, which are those that call them.
async fn with_sql(sql: &str) -> Report {
    let mut objects = Objects::new().await;
    let service = objects.serve(Setup::default()).await;
    service.database.execute(sql).await;
    let mut document = service.document().clone();
    let paths = document["paths"].as_object_mut().expect("paths");
    paths.retain(|path, _| path.starts_with("/api/v1/tasks") || path.starts_with("/api/v1/projects"));
    run(service, document, objects, false).await
}

fn expect(report: &Report, operations: &[&str]) {
    let expected: BTreeSet<&str> = operations.iter().copied().collect();
    assert_eq!(report.operations(), expected, "{:#?}", report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_handlers_lack_are_found() {
    let plants = Plants::new(
        DOCUMENT,
        &[
            ("get_me", Defect::OldToken),
            ("list_sessions", Defect::OldToken),
            ("create_api_token", Defect::NoScope),
            ("create_user", Defect::NoToken),
            ("get_user", Defect::NoCheck),
            ("list_users", Defect::NoScope),
            ("list_audit_events", Defect::OldToken),
            ("list_projects", Defect::NoCheck),
            ("get_project", Defect::NoCheck),
            ("patch_project", Defect::Reveals),
            ("delete_project", Defect::NoCheck),
            ("list_tasks", Defect::NoFieldCheck("project_id")),
            ("create_task", Defect::NoFieldCheck("project_id")),
            ("put_task", Defect::NoFieldCheck("assignee_id")),
            ("patch_task", Defect::NoFieldCheck("project_id")),
            ("delete_task", Defect::NoCheck),
            ("assign_task", Defect::Reveals),
        ],
    );
    let mut objects = Objects::new().await;
    let service = objects.serve(Setup { around: plants.around(), ..Setup::default() }).await;
    plants.grow(&service).await;
    let document = service.document().clone();
    let report = run(service, document, objects, false).await;
    assert_eq!(report.operations(), plants.operations(), "{:#?}", report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_the_database_lacks_are_found() {
    let report = with_sql(&function("task_is_visible", "task", "true")).await;
    // Of assigning only the response: what is hidden is said to be forbidden.
    expect(&report, &["assign_task", "delete_task", "get_task", "patch_task", "put_task", "set_task_status"]);
    let report = with_sql(&function("project_is_visible", "project", "true")).await;
    // Of tasks those that name a project.
    let of_projects = ["delete_project", "get_project", "patch_project", "put_project"];
    expect(&report, &[&of_projects[..], &["create_task", "patch_task", "put_task"]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_that_the_database_lacks_or_confuses_are_found() {
    let report = with_sql(&function("task_is_visible", "task", "superuser OR task.assignee_id = caller")).await;
    expect(&report, &["delete_task", "get_task", "patch_task", "put_task", "set_task_status"]);
    let report = with_sql(&function("task_is_visible", "task", "superuser OR task.owner_id = caller")).await;
    expect(&report, &["assign_task", "delete_task", "get_task", "patch_task", "put_task", "set_task_status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_says_something_else_is_found() {
    let mut objects = Objects::new().await;
    let service = objects.serve(Setup::default()).await;
    let mut document = service.document().clone();
    let changes: [(&str, &str, Value); 5] = [
        ("/api/v1/users/{user_id}", "get", json!({"on": "user", "allow": ["user"]})),
        ("/api/v1/projects", "get", json!({"each": "project", "allow": ["superuser"]})),
        ("/api/v1/tasks/{task_id}", "delete", json!({"on": "task", "allow": ["assignee", "superuser"]})),
        ("/api/v1/tasks/{task_id}/status/{status}", "post", json!({"on": "task", "allow": ["owner", "superuser"]})),
        ("/api/v1/tasks", "get", json!({"each": "task", "allow": ["owner", "superuser"]})),
    ];
    for (path, method, permission) in changes {
        document["paths"][path][method]["x-permission"] = permission;
    }
    let report = run(service, document, objects, false).await;
    expect(&report, &["delete_task", "get_user", "list_projects", "list_tasks", "set_task_status"]);
}
