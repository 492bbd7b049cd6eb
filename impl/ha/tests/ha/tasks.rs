//! Clients that append to the same descriptions, each by reading and writing with If-Match: no text of anybody is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::Method;
use rand::RngExt as _;
use serde_json::json;
use testkit::deployment::Deployment;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::pace::{THINK, dice_of};
use crate::record::{Outcome, Record};

/// The name under which writes are recorded.
pub const KIND: &str = "task";
/// Tasks that clients write to at the same time.
const CONTENDED: usize = 3;
/// A description holds 10,000 characters; the next task takes what is more.
const FULL: usize = 9_900;

/// What became of an appended word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acked,
    Refused,
    Unknown,
}

/// What the clients know: words by task.
#[derive(Default)]
pub struct Words(HashMap<i64, HashMap<String, Fate>>);

/// Where the tasks are.
#[derive(Clone)]
pub struct Board {
    client: testkit::Client,
    project: i64,
    tasks: Arc<Mutex<[i64; CONTENDED]>>,
}

impl Board {
    /// A project with the tasks, of the superuser.
    pub async fn open(url: String) -> Self {
        let nobody = testkit::Client::new(url);
        let client = nobody.login("/api/v1/auth/login/access-token", "admin@example.com", "admin").await;
        let answer = client.post("/api/v1/projects", &json!({"title": "contended"})).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let project = answer.json["id"].as_i64().expect("an id");
        let board = Self { client, project, tasks: Arc::default() };
        for slot in 0..CONTENDED {
            let task = board.task(&Record::default()).await.expect("a task");
            board.tasks.lock().expect("nobody panics here")[slot] = task;
        }
        board
    }

    async fn task(&self, record: &Record) -> Option<i64> {
        let body = json!({"title": "contended", "project_id": self.project});
        match record.send("new task", self.client.request(Method::POST, "/api/v1/tasks").json(&body)).await {
            Outcome::Acked(_, task) => task["id"].as_i64(),
            _ => None,
        }
    }
}

/// One client, until it is stopped.
pub async fn run(board: Board, n: usize, record: Record, words: Arc<Mutex<Words>>, end: CancellationToken) {
    let mut dice = dice_of(n);
    let mut i = 0;
    while !end.is_cancelled() {
        sleep(THINK).await;
        let slot = dice.random_range(0..CONTENDED);
        let id = board.tasks.lock().expect("nobody panics here")[slot];
        let path = format!("/api/v1/tasks/{id}");
        let read = record.send("task read", board.client.request(Method::GET, &path)).await;
        let Outcome::Acked(headers, task) = read else { continue };
        let text = task["description"].as_str().unwrap_or_default();
        if text.len() > FULL {
            if let Some(new) = board.task(&record).await {
                board.tasks.lock().expect("nobody panics here")[slot] = new;
            }
            continue;
        }
        i += 1;
        let word = format!("{n}.{i}");
        let body = json!({"description": format!("{text} {word}")}).to_string();
        let request = board.client.request(Method::PATCH, &path).header("if-match", &headers["etag"]);
        let request = request.header("content-type", "application/merge-patch+json").body(body);
        let fate = match record.send(KIND, request).await {
            Outcome::Acked(..) => Fate::Acked,
            Outcome::Rejected | Outcome::NothingDone => Fate::Refused,
            Outcome::Unknown => Fate::Unknown,
        };
        words.lock().expect("nobody panics here").0.entry(id).or_default().insert(word, fate);
    }
}

impl Words {
    /// Holds them against the database.
    pub async fn hold(&self, deployment: &Deployment) {
        let sql = "SELECT id, coalesce(description, '') FROM tasks WHERE title = 'contended'";
        let stored: Vec<(i64, String)> = sqlx::query_as(sql).fetch_all(&deployment.db).await.expect("the tasks");
        let stored: HashMap<i64, String> = stored.into_iter().collect();
        let mut counts = HashMap::<_, usize>::new();
        for (task, fates) in &self.0 {
            let text = stored.get(task).unwrap_or_else(|| panic!("task {task} was acknowledged and is lost"));
            let mut found = HashMap::<&str, usize>::new();
            text.split_whitespace().for_each(|word| *found.entry(word).or_default() += 1);
            for (word, fate) in fates {
                let times = found.remove(&**word).unwrap_or(0);
                let right = match fate {
                    Fate::Acked => times == 1,
                    Fate::Refused => times == 0,
                    Fate::Unknown => times <= 1,
                };
                assert!(right, "task {task}: {word} was {fate:?}, and is there {times} times");
                *counts.entry(format!("{fate:?}")).or_default() += 1;
            }
            assert!(found.is_empty(), "task {task} has words that nobody wrote: {found:?}");
        }
        println!("updates of tasks: {counts:?}");
    }
}
