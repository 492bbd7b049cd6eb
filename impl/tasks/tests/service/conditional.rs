//! Conditional requests (RFC 9110, 13): reads only of changed objects, writes only to the version that was seen.

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::world::{ME, World, id};

pub async fn get_if_none_match(client: &Client, path: &str, tags: &str) -> Answer {
    client.send(client.request(Method::GET, path).header("if-none-match", tags)).await
}

pub async fn if_match(client: &Client, method: Method, path: &str, tags: &str, body: Option<&Value>) -> Answer {
    let request = client.request(method, path).header("if-match", tags);
    client
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

pub async fn tag(client: &Client, path: &str) -> String {
    let answer = client.get(path).await;
    let tag = answer.header("etag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    tag.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_already_is_not_sent_again() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Known").await;
    let task = ada.task(&project, "Known too", json!({"assignee_id": ada.id})).await;
    let paths = [
        ME.to_owned(),
        format!("/api/v1/users/{}", ada.id),
        format!("/api/v1/projects/{}", project["id"]),
        format!("/api/v1/tasks/{}", task["id"]),
    ];
    for path in &paths {
        let current = tag(&ada.client, path).await;
        for tags in [
            current.clone(),
            format!("W/{current}"),
            format!("\"x\", {current}"),
            format!("W/\"y\",W/{current}"),
            "*".into(),
        ] {
            let answer = get_if_none_match(&ada.client, path, &tags).await;
            assert_eq!((answer.status.as_u16(), &*answer.text), (304, ""), "{path} {tags}");
            assert_eq!(answer.header("etag"), current);
            assert!(!answer.headers.contains_key("content-type"));
        }
        for tags in ["\"x\"", "W/\"x\"", current.trim_matches('"'), &current[..10]] {
            get_if_none_match(&ada.client, path, tags).await.expect(200);
        }
        let head = ada.client.send(ada.client.request(Method::HEAD, path)).await;
        assert_eq!((head.status.as_u16(), &*head.text, head.header("etag")), (200, "", &*current));
        let head = ada.client.request(Method::HEAD, path).header("if-none-match", &current);
        assert_eq!(ada.client.send(head).await.status.as_u16(), 304);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_changes_with_everything_that_is_shown() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let made = ada.project("Embedding").await;
    let project = format!("/api/v1/projects/{}", made["id"]);
    let mut seen = vec![tag(&ada.client, &project).await];
    let mut changed = async |client: &Client| {
        let now = tag(client, &project).await;
        assert!(!seen.contains(&now), "the change is not seen");
        get_if_none_match(client, &project, seen.last().expect("one")).await.expect(200);
        seen.push(now);
    };
    let task = ada.task(&made, "Embedded", json!({})).await;
    changed(&ada.client).await;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    ada.client.post_empty(&format!("{path}/status/Done")).await.expect(200);
    changed(&ada.client).await;
    ada.client.post_empty(&format!("{path}/assign/{}", bob.id)).await.expect(200);
    changed(&ada.client).await;
    bob.client.put(ME, &json!({"full_name": "Robert"})).await.expect(200);
    changed(&ada.client).await;

    // The task shows its assignee and its project.
    let first = tag(&ada.client, &path).await;
    bob.client.put(ME, &json!({"full_name": "Bobby"})).await.expect(200);
    let second = tag(&ada.client, &path).await;
    ada.client.put(&project, &json!({"title": "Renamed"})).await.expect(200);
    let third = tag(&ada.client, &path).await;
    assert!(first != second && second != third && first != third);
    changed(&ada.client).await;
    ada.client.delete(&path).await.expect(200);
    changed(&ada.client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_stays_when_nothing_changes() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Same").await;
    let task = ada.task(&project, "Same", json!({"due_date": "2030-01-01T00:00:00Z"})).await;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    let before = tag(&ada.client, &path).await;
    let same = json!({"title": "Same", "due_date": "2030-01-01T01:00:00+01:00", "description": null});
    let put = ada.client.put(&path, &same).await;
    // The response to a write has the tag of the next read.
    assert_eq!((put.header("etag"), tag(&ada.client, &path).await), (&*before, before.clone()));
    ada.client.patch(&path, &json!({})).await.expect(200);
    ada.client.post_empty(&format!("{path}/status/ToDo")).await.expect(200);
    assert_eq!(tag(&ada.client, &path).await, before);
    let put = ada.client.put(&path, &json!({"title": "Other"})).await;
    assert_ne!(put.header("etag"), before);
    assert_eq!(put.header("etag"), tag(&ada.client, &path).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_on_a_version_that_is_gone_are_412_and_change_nothing() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let project = ada.project("Versioned").await;
    let task = ada.task(&project, "Versioned", json!({})).await;
    let cases = [
        (&ada.client, ME.to_owned(), json!({"full_name": "Changed"}), false),
        (&admin, format!("/api/v1/users/{}", ada.id), json!({"full_name": "Changed again"}), true),
        (&ada.client, format!("/api/v1/tasks/{}", task["id"]), json!({"title": "Changed"}), true),
        (&ada.client, format!("/api/v1/projects/{}", project["id"]), json!({"title": "Changed"}), true),
    ];
    for (client, path, change, deletable) in &cases {
        let old = tag(client, path).await;
        client.put(path, change).await.expect(200);
        let now = client.get(path).await;
        let current = now.header("etag").to_owned();
        let mut stale = vec![old.clone(), format!("{old}, \"x\""), "\"\"".into(), "x".into(), String::new()];
        // A weak tag never matches for a write (RFC 9110, 8.8.3.2), and the quotes are part of a tag.
        stale.extend([format!("W/{current}"), current.trim_matches('"').to_owned()]);
        for tags in &stale {
            for method in [Method::PUT, Method::PATCH] {
                let body = json!({"full_name": "Lost"});
                let body = if path.contains("users") { body } else { json!({"title": "Lost"}) };
                if_match(client, method, path, tags, Some(&body)).await.expect_problem(412, "precondition_failed");
            }
            if *deletable {
                if_match(client, Method::DELETE, path, tags, None).await.expect_problem(412, "precondition_failed");
            }
        }
        assert_eq!(client.get(path).await.text, now.text);
        let changed = if_match(client, Method::PATCH, path, &format!("{old}, {current}"), Some(&json!({}))).await;
        assert_eq!(changed.expect(200), now.json);
        if_match(client, Method::PUT, path, "*", Some(&json!({}))).await.expect(200);
        if *deletable && !path.contains("users") {
            if_match(client, Method::DELETE, path, &current, None).await.expect(200);
            if_match(client, Method::DELETE, path, "*", None).await.expect(404);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_something_embedded_ends_the_version_too() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let made = ada.project("Embedding").await;
    let project = format!("/api/v1/projects/{}", made["id"]);
    let before = tag(&ada.client, &project).await;
    let task = ada.task(&made, "Added since", json!({"assignee_id": bob.id})).await;
    if_match(&ada.client, Method::DELETE, &project, &before, None).await.expect_problem(412, "precondition_failed");

    let path = format!("/api/v1/tasks/{}", id(&task));
    let before = tag(&ada.client, &path).await;
    bob.client.put(ME, &json!({"full_name": "Robert"})).await.expect(200);
    let title = json!({"title": "Seen with the old name"});
    if_match(&ada.client, Method::PATCH, &path, &before, Some(&title)).await.expect_problem(412, "precondition_failed");
    let now = tag(&ada.client, &path).await;
    if_match(&ada.client, Method::PATCH, &path, &now, Some(&title)).await.expect(200);
}
