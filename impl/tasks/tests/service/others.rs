//! What one user sees of another, and may do with what another has shared: id and full name; decline.

use serde_json::{Value, json};
use testkit::Client;

use crate::listing::TASKS;
use crate::world::{ME, PASSWORD, World, id};

/// Every text anywhere in a response's body and headers.
async fn told(client: &Client, path: &str) -> String {
    let answer = client.get(path).await;
    format!("{:?} {}", answer.headers, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_another_one_sees_id_and_full_name() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let project = ada.project("Curious").await;
    let made = ada.task(&project, "Who is it", json!({"assignee_id": bob.id})).await;
    let path = format!("{TASKS}/{}", made["id"]);
    let public = json!({"id": bob.id, "full_name": "bob"});
    let admin = world.admin().await;
    for user in 1..=bob.id {
        let assigned = ada.client.post_empty(&format!("{path}/assign/{user}")).await.expect(200);
        assert_eq!(assigned["assignee"].as_object().map(serde_json::Map::len), Some(2), "{assigned}");
    }
    assert_eq!(ada.client.get(&path).await.expect(200)["assignee"], public);
    for changed in [
        ada.client.patch(&path, &json!({"assignee_id": bob.id})).await.expect(200),
        ada.client.put(&path, &json!({"status": "Done"})).await.expect(200),
        ada.client.post_empty(&format!("{path}/status/ToDo")).await.expect(200),
        bob.client.get(&path).await.expect(200),
        admin.get(&path).await.expect(200),
    ] {
        assert_eq!(changed["assignee"], public);
    }
    for list in
        [TASKS.to_owned(), format!("{TASKS}?assignee_id={}", bob.id), format!("/api/v1/projects/{}", project["id"])]
    {
        let told = told(&ada.client, &list).await;
        for secret in ["example.com", "is_active", "is_superuser", "email"] {
            assert!(!told.contains(secret), "{list} tells {secret}: {told}");
        }
    }
    ada.client.get(&format!("/api/v1/users/{}", bob.id)).await.expect_problem(404, "user_not_found");
    ada.client.get("/api/v1/users?sort=email").await.expect_problem(403, "insufficient_scope");

    // Hidden fields do not change the tag, or their changes could be observed.
    let tag = async || ada.client.get(&path).await.header("etag").to_owned();
    let before = tag().await;
    bob.client.patch(ME, &json!({"email": "robert@example.com", "current_password": PASSWORD})).await.expect(200);
    admin.patch(&format!("/api/v1/users/{}", bob.id), &json!({"is_superuser": true})).await.expect(200);
    assert_eq!(tag().await, before);
    // The user and superusers see all of it.
    assert_eq!(admin.get(&format!("/api/v1/users/{}", bob.id)).await.expect(200)["email"], "robert@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignee_may_decline_and_nothing_more() {
    let world = World::new().await;
    let (ada, bob, eve) = (world.person("ada").await, world.person("bob").await, world.person("eve").await);
    let project = ada.project("Unwanted").await;
    for method in ["PATCH", "PUT"] {
        let task = ada.task(&project, "Not mine", json!({"assignee_id": bob.id})).await;
        let path = format!("{TASKS}/{}", task["id"]);
        let away = json!({"assignee_id": eve.id});
        crate::world::ask(&bob.client, method, &path, Some(&away)).await.expect_problem(403, "owner_only");
        let moved = json!({"assignee_id": null, "project_id": id(&bob.project("Mine").await)});
        crate::world::ask(&bob.client, method, &path, Some(&moved)).await.expect_problem(403, "owner_only");
        bob.client.delete(&path).await.expect_problem(403, "owner_only");
        let declined = json!({"assignee_id": null, "description": "No time."});
        let answer = crate::world::ask(&bob.client, method, &path, Some(&declined)).await.expect(200);
        assert_eq!((&answer["assignee"], &answer["description"]), (&Value::Null, &json!("No time.")));
        // It belongs to another project now.
        bob.client.get(&path).await.expect_problem(404, "task_not_found");
        assert!(!ada.client.get(&path).await.expect(200)["assignee_id"].is_number());
        crate::world::ask(&bob.client, method, &path, Some(&declined)).await.expect_problem(404, "task_not_found");
    }
    // Other users cannot decline it.
    let task = ada.task(&project, "Another's", json!({"assignee_id": bob.id})).await;
    let path = format!("{TASKS}/{}", task["id"]);
    eve.client.patch(&path, &json!({"assignee_id": null})).await.expect_problem(404, "task_not_found");
}
