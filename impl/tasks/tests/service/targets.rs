//! Paths, queries and methods that are not in the document.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use crate::world::{ME, World, ask, concrete};

#[tokio::test(flavor = "multi_thread")]
async fn methods_a_path_does_not_take_are_405_with_those_it_does() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in tasks::OPERATIONS {
        paths.entry(operation.path).or_default().insert(operation.method);
    }
    // `/users/me` also matches the path with an id; the more exact path counts.
    for (path, methods) in paths {
        let concrete = concrete(path);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND", "BREW", "get"] {
            if methods.contains(method) {
                continue;
            }
            for client in [&admin, &world.nobody] {
                let answer = ask(client, method, &concrete, None).await;
                assert_eq!(answer.status.as_u16(), 405, "{method} {concrete}: {}", answer.text);
                let answer = answer.expect_problem(405, "method_not_allowed");
                let mut allowed: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
                // Where GET is allowed, HEAD is.
                assert_eq!(allowed.remove("HEAD"), methods.contains("GET"), "{method} {concrete}");
                assert_eq!(allowed, methods, "{method} {concrete}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_are_not_there_are_404_for_everybody() {
    let world = World::new().await;
    let admin = world.admin().await;
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/users/me",
        "/api/v1/tasks/1/nothing",
        "/api/v1/tasks/1/status",
        "/api/v1/tasks/1/assign/2/3",
        "/API/V1/TASKS",
        "/api/v1/Tasks",
        "/api/v1/tasks.json",
        "/api/v1/tasks;a=b",
        "/.env",
        "/api/v1/auth/login",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            for client in [&admin, &world.nobody] {
                let answer = ask(client, method, path, None).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {}", answer.text);
                assert_eq!(answer.header("content-type"), "application/problem+json");
            }
        }
    }
}

/// A request exactly as written here: HTTP clients normalize paths.
async fn raw(world: &World, target: &str, token: &str) -> testkit::Answer {
    let host = world.server.address();
    let head =
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    world.server.raw(head).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tricks_with_paths_lead_nowhere() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    for target in [
        "//api/v1/users/me",
        "/api//v1/users/me",
        "/api/v1/users//me",
        "/api/v1/users/me//",
        "/./api/v1/users/me",
        "/api/v1/projects/../users/me",
        "/api/v1/projects/%2e%2e/users/me",
        "/api/v1/projects/..%2fusers%2fme",
        "/api/v1/projects/..%5cusers",
        "/api/v1/users/me%00",
        "/api/v1/users/me%2f",
        "/api/v1/users%2fme",
        "/api/v1/users/me;x=1",
        "/api/v1/users/me%3fx",
        "/api/v1/users/me.",
        "/docs/../../../../etc/passwd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/tasks/%ff",
        "/api/v1/tasks/%00",
        "/api/v1/tasks/%",
        "/api/v1/tasks/%zz",
        "/api/v1/tasks/%c0%af",
        "/api/v1/tasks/1%20",
        "/api/v1/tasks/%31%00",
        "/api/v1/tasks/1e0",
        "/api/v1/tasks/１",
    ] {
        let answer = raw(&world, target, ada.token()).await;
        let status = answer.status.as_u16();
        assert!([400, 404, 422].contains(&status), "{target}: {status} {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{target}");
        assert!(!answer.text.contains("ada@example.com") && !answer.text.contains("root:"), "{target}");
    }
    // The control: these targets do work.
    for target in [ME, "/api/v1/users/me/", "/api/v1/users/%6de", "/api/v1/users/me?_=b&&"] {
        assert_eq!(raw(&world, target, ada.token()).await.expect(200)["email"], "ada@example.com", "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_read_strictly_but_not_jealously() {
    let world = World::new().await;
    let user = world.login("user@example.com", "user").await;
    let list = async |query: &str| user.get(&format!("/api/v1/tasks?{query}")).await;
    // An unknown parameter would not filter; only the cache buster is ignored.
    let unknown = list("utm_source=x&fields=a&page[size]=3&status[]=Done").await;
    unknown.expect_invalid("#/utm_source").expect_invalid("#/fields").expect_invalid("#/status[]");
    list("_=1700000000&&&").await.expect(200);
    for (query, pointer) in [
        ("limit=1&limit=2", "#/limit"),
        ("sort=id&sort=id", "#/sort"),
        ("sort=name", "#/sort"),
        ("sort=ID", "#/sort"),
        ("sort=", "#/sort"),
        ("sort=id;DROP TABLE tasks", "#/sort"),
        ("count=yes", "#/count"),
        ("count=1", "#/count"),
        ("status=Doing", "#/status"),
        ("status=ToDo&status=x", "#/status"),
        ("status=", "#/status"),
        ("status=ToDo,Done", "#/status"),
        ("status=ToDo&status=ToDo&status=ToDo&status=ToDo&status=ToDo&status=ToDo&status=ToDo", "#/status"),
        ("project_id=0", "#/project_id"),
        ("project_id=1,2", "#/project_id"),
        ("assignee_id=null", "#/assignee_id"),
        ("limit=%31%00", "#/limit"),
        ("limit=1%20", "#/limit"),
    ] {
        list(query).await.expect_invalid(pointer);
    }
    for query in ["q=%ff", "q=%c3%28", "%ff=1", "q=%ed%a0%80"] {
        list(query).await.expect_problem(400, "invalid_encoding");
    }
    list(&vec!["a=1"; 1_000].join("&")).await.expect_problem(400, "too_many_parameters");
    list(&vec!["status=ToDo"; 500].join("&")).await.expect_problem(400, "too_many_parameters");
    list(&vec!["a=1"; 10_000].join("&")).await.expect_problem(414, "target_too_long");
    // Two errors are two errors.
    let both = list("limit=0&skip=-1").await.expect_invalid("#/limit").expect_invalid("#/skip");
    assert_eq!(both.json["errors"].as_array().map(Vec::len), Some(2));
}
