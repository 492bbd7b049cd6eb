//! Of several concurrent changes of the same version, one succeeds.

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::conditional::{if_match, tag};
use crate::world::{ME, World, id};

/// How many are sent at once.
const CONCURRENT_WRITES: usize = 20;

async fn race(client: &Client, path: &str, body: impl Fn(usize) -> Value) -> Vec<Answer> {
    let version = tag(client, path).await;
    join_all((0..CONCURRENT_WRITES).map(|n| {
        let (body, version) = (body(n), version.clone());
        let method = if n % 2 == 0 { Method::PATCH } else { Method::PUT };
        async move { if_match(client, method, path, &version, Some(&body)).await }
    }))
    .await
}

fn one_winner(answers: &[Answer]) -> usize {
    let won: Vec<usize> = (0..answers.len()).filter(|n| answers[*n].status == StatusCode::OK).collect();
    for (n, answer) in answers.iter().enumerate() {
        if !won.contains(&n) {
            answer.clone().expect_problem(412, "precondition_failed");
        }
    }
    assert_eq!(won.len(), 1, "winners: {won:?}");
    won[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_writers_one_wins_and_19_get_412() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.warm_up(&ada.client).await;
    let project = ada.project("Contended").await;
    let task = ada.task(&project, "Contended", json!({})).await;
    for round in 0..3 {
        for (path, member) in [
            (format!("/api/v1/tasks/{}", task["id"]), "title"),
            (format!("/api/v1/projects/{}", project["id"]), "title"),
            (ME.to_owned(), "full_name"),
        ] {
            let answers = race(&ada.client, &path, |n| json!({member: format!("writer {n} of round {round}")})).await;
            let winner = one_winner(&answers);
            let now = ada.client.get(&path).await.expect(200);
            assert_eq!(now[member], format!("writer {winner} of round {round}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_who_all_want_the_same_do_not_all_win() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.warm_up(&ada.client).await;
    let project = ada.project("Contended").await;
    let path = format!("/api/v1/tasks/{}", ada.task(&project, "Contended", json!({})).await["id"]);
    let answers = race(&ada.client, &path, |_| json!({"status": "Done"})).await;
    one_winner(&answers);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_and_changing_one_version_do_not_both_succeed() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.warm_up(&ada.client).await;
    let project = ada.project("Contended").await;
    for round in 0..10 {
        let path = format!("/api/v1/tasks/{}", ada.task(&project, "Contended", json!({})).await["id"]);
        let version = tag(&ada.client, &path).await;
        let change = json!({"title": format!("Changed {round}")});
        let (changed, deleted) = tokio::join!(
            if_match(&ada.client, Method::PATCH, &path, &version, Some(&change)),
            if_match(&ada.client, Method::DELETE, &path, &version, None)
        );
        match (changed.status.as_u16(), deleted.status.as_u16()) {
            (200, 412) => drop(ada.client.get(&path).await.expect(200)),
            (404, 200) => drop(ada.client.get(&path).await.expect_problem(404, "task_not_found")),
            other => panic!("{other:?}: {} {}", changed.text, deleted.text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unconditional_writers_lose_no_field() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    world.warm_up(&ada.client).await;
    let project = ada.project("Fields").await;
    let path = format!("/api/v1/tasks/{}", id(&ada.task(&project, "Fields", json!({})).await));
    for round in 0..5 {
        let due = format!("203{round}-01-01T00:00:00Z");
        let changes = [
            json!({"title": format!("title {round}")}),
            json!({"description": format!("description {round}")}),
            json!({"due_date": due}),
            json!({"status": if round % 2 == 0 { "Done" } else { "InProgress" }}),
            json!({"assignee_id": ada.id}),
        ];
        for answer in join_all(changes.iter().map(|change| ada.client.patch(&path, change))).await {
            answer.expect(200);
        }
        let now = ada.client.get(&path).await.expect(200);
        for change in &changes {
            for (member, value) in change.as_object().expect("an object") {
                assert_eq!(now[member], *value, "{member}");
            }
        }
    }
}
