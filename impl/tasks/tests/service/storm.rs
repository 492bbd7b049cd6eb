//! Many clients at once on the same few objects: each request gets a response that the document declares, or 503;
//! none is an internal error.
//!
//! `STORM_REQUESTS` sets the number, `STORM_SEED` the random seed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use testkit::{Answer, Client};
use tokio::task::JoinSet;

use crate::world::{LOGIN, PASSWORD, World, ask, id, number};

const REQUESTS: usize = 1_500;
const CLIENTS: usize = 24;

/// Objects that exist, or have existed.
#[derive(Default)]
struct Known {
    projects: Vec<i64>,
    tasks: Vec<i64>,
    users: Vec<i64>,
    /// Logged-in users who may be deleted at any time.
    guests: Vec<Client>,
}

/// A random request: method, path, body.
fn request(random: &mut StdRng, known: &Known) -> (&'static str, String, Option<Value>) {
    let mut one = |ids: &[i64]| ids[ids.len().saturating_sub(12)..].choose(random).copied().unwrap_or(4711);
    let (project, other, task, user) =
        (one(&known.projects), one(&known.projects), one(&known.tasks), one(&known.users));
    let n = random.random_range(0..1_000_000);
    let title = format!("title {n}");
    let task_path = format!("/api/v1/tasks/{task}");
    match random.random_range(0..16) {
        0 => ("POST", "/api/v1/projects".into(), Some(json!({"title": title}))),
        1..=3 => {
            ("POST", "/api/v1/tasks".into(), Some(json!({"title": title, "project_id": project, "assignee_id": user})))
        }
        4 => ("PATCH", task_path, Some(json!({"project_id": other, "title": title}))),
        5 => ("PATCH", task_path, Some(json!({"assignee_id": user}))),
        6 => ("PUT", task_path, Some(json!({"project_id": project, "assignee_id": null, "status": "Done"}))),
        7 => ("POST", format!("{task_path}/status/InProgress"), None),
        8 => ("POST", format!("{task_path}/assign/{user}"), None),
        9 => ("DELETE", task_path, None),
        10 => ("PATCH", format!("/api/v1/projects/{project}"), Some(json!({"title": title}))),
        11 if n % 3 == 0 => ("DELETE", format!("/api/v1/projects/{project}"), None),
        11 | 12 => ("GET", format!("/api/v1/projects/{project}"), None),
        13 => ("GET", "/api/v1/tasks?sort=-due_date&count=true&limit=20".into(), None),
        14 => {
            let account =
                json!({"email": format!("guest{n}@test.local"), "password": PASSWORD, "is_superuser": n % 2 == 0});
            ("POST", "/api/v1/users".into(), Some(account))
        }
        // The demo accounts stay: they send the requests.
        _ if user > 2 && n % 2 == 0 => ("DELETE", format!("/api/v1/users/{user}"), None),
        _ => (
            "PATCH",
            format!("/api/v1/users/{}", user.max(3)),
            Some(json!({"full_name": title, "is_superuser": n % 4 == 1})),
        ),
    }
}

fn learn(known: &Mutex<Known>, path: &str, answer: &Answer) {
    if answer.status.as_u16() == 201 {
        let mut known = known.lock().expect("nobody panicked");
        match path {
            "/api/v1/projects" => known.projects.push(id(&answer.json)),
            "/api/v1/tasks" => known.tasks.push(id(&answer.json)),
            _ => known.users.push(id(&answer.json)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_at_once_gets_an_answer_of_the_document() {
    let world = World::new().await;
    let (admin, user) = (world.admin().await, world.login("user@example.com", "user").await);
    world.warm_up(&admin).await;
    let known =
        Arc::new(Mutex::new(Known { projects: vec![1, 2], tasks: vec![1, 2, 3], users: vec![1, 2], guests: vec![] }));
    let mut random = StdRng::seed_from_u64(number("STORM_SEED", 1) as u64);
    let mut running: JoinSet<(String, u16)> = JoinSet::new();
    let mut answers: BTreeMap<(String, u16), usize> = BTreeMap::new();
    for _ in 0..number("STORM_REQUESTS", REQUESTS) {
        let (method, path, body) = request(&mut random, &known.lock().expect("nobody panicked"));
        let guest = known.lock().expect("nobody panicked").guests.choose(&mut random).cloned();
        let client = match random.random_range(0..10) {
            0..=4 => admin.clone(),
            5..=6 => user.clone(),
            _ => guest.unwrap_or_else(|| admin.clone()),
        };
        let (known, nobody) = (Arc::clone(&known), world.nobody.clone());
        running.spawn(async move {
            let answer = ask(&client, method, &path, body.as_ref()).await;
            let status = answer.status.as_u16();
            let busy = [429, 503].contains(&status) && !answer.header("retry-after").is_empty();
            let documented = [200, 201, 401, 403, 404, 409].contains(&status);
            assert!(documented || busy, "{method} {path} {body:?}: {}", answer.text);
            learn(&known, &path, &answer);
            if let Some(email) = answer.json["email"].as_str().filter(|_| status == 201) {
                let login = nobody.form(LOGIN, &[("username", email), ("password", PASSWORD)]).await;
                if let Some(token) = login.json["access_token"].as_str() {
                    known.lock().expect("nobody panicked").guests.push(nobody.with_token(token));
                }
            }
            let place: Vec<&str> = path.split(['/', '?']).filter(|part| part.parse::<i64>().is_err()).collect();
            (format!("{method} {}", place.join("/")), status)
        });
        while running.len() >= CLIENTS {
            let place = running.join_next().await.expect("one is running").expect("an answer of the document");
            *answers.entry(place).or_default() += 1;
        }
    }
    while let Some(ended) = running.join_next().await {
        *answers.entry(ended.expect("an answer of the document")).or_default() += 1;
    }
    // A run in which everything is rejected would prove nothing.
    for (place, at_least) in [
        ("PATCH /api/v1/tasks", 20),
        ("POST /api/v1/tasks/assign", 10),
        ("DELETE /api/v1/projects", 5),
        ("DELETE /api/v1/users", 5),
    ] {
        let done = answers.get(&(place.to_owned(), 200)).copied().unwrap_or_default();
        assert!(done >= at_least, "{place}: {done}; all: {answers:#?}");
    }
}
