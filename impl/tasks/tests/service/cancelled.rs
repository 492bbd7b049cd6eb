//! Clients that disconnect during a write, on real connections (a cancelled transaction once returned its connection with the
//! transaction still open, and later writes on it were acknowledged and lost).
//!
//! `CANCELLED_WRITES` sets the number of writes, `CANCELLED_SEED` the random seed.

use std::collections::HashMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use testkit::Client;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::world::{Person, World, id, number};

/// Writes without `CANCELLED_WRITES`.
const WRITES: usize = 1_000;
const CLIENTS: usize = 16;
/// A session that is idle in a transaction for longer than any should be; below the limit at which the server would end it and
/// so hide it.
const FORGOTTEN: &str = "SELECT pid, query FROM pg_stat_activity WHERE datname = current_database()
    AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '2 seconds'";

/// What a client knows about its write, and how to find it in the database.
enum Known {
    Acknowledged { title: String, id: i64 },
    Refused(String),
    Ambiguous,
}

/// One write, cancelled after a moment: a project, a task, or a change of a task that no other client changes.
async fn write(
    client: Client,
    kind: usize,
    project: i64,
    task: i64,
    title: String,
    patience: Option<Duration>,
) -> Known {
    let request = async {
        match kind {
            0 => client.post("/api/v1/projects", &json!({"title": title})).await,
            1 => client.post("/api/v1/tasks", &json!({"title": title, "project_id": project})).await,
            2 => client.patch(&format!("/api/v1/tasks/{task}"), &json!({"title": title})).await,
            _ => client.put(&format!("/api/v1/projects/{project}"), &json!({"title": title})).await,
        }
    };
    let answer = match patience {
        // Dropping the request closes its connection.
        Some(patience) => match timeout(patience, request).await {
            Ok(answer) => answer,
            Err(_) => return Known::Ambiguous,
        },
        None => request.await,
    };
    match answer.status.as_u16() {
        200 | 201 => Known::Acknowledged { id: id(&answer.json), title },
        503 => Known::Refused(title),
        _ => panic!("{}", answer.text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_write_is_there_and_no_transaction_is_forgotten() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let writes = number("CANCELLED_WRITES", WRITES);
    let mut random = StdRng::seed_from_u64(number("CANCELLED_SEED", 1) as u64);
    let (projects, tasks) = targets(&world, &ada, writes).await;
    // The user with the targets has as many projects as allowed.
    let bob = world.person("bob").await;

    let mut history: HashMap<usize, Vec<Known>> = HashMap::new();
    let (mut acknowledged, mut ambiguous) = (0, 0);
    let mut running = JoinSet::new();
    for n in 0..writes {
        let kind = random.random_range(0..4);
        // Some wait, as clients do after every burst. Half of the others give up within the time of a write on a fast machine, half on a slow one.
        let most = if random.random_bool(0.5) { 1_500 } else { 50_000 };
        let patience = random.random_bool(0.9).then(|| Duration::from_micros(random.random_range(0..most)));
        // A client of its own has a connection of its own.
        let client = world.server.client().with_token(if kind == 0 { bob.token() } else { ada.token() });
        let write = write(client, kind, projects[n], tasks[n], format!("write {n}"), patience);
        running.spawn(async move { (kind, write.await) });
        while running.len() >= CLIENTS {
            let (kind, known) = running.join_next().await.expect("one is running").expect("it ends well");
            history.entry(kind).or_default().push(known);
        }
    }
    while let Some(ended) = running.join_next().await {
        let (kind, known) = ended.expect("it ends well");
        history.entry(kind).or_default().push(known);
    }

    // Whatever state the connections are in, later writes must be stored.
    for n in 0..50 {
        let title = format!("afterwards {n}");
        let client = world.server.client().with_token(if n % 2 == 0 { bob.token() } else { ada.token() });
        let known = write(client, n % 2, projects[n], tasks[n], title, None).await;
        history.entry(n % 2).or_default().push(known);
    }

    let mut db = world.database.connect().await;
    for (kind, all) in &history {
        let table = if [0, 3].contains(kind) { "projects" } else { "tasks" };
        let sql = format!("SELECT id, title FROM {table}");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut db).await.expect("rows");
        let stored: HashMap<i64, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        for known in all {
            match known {
                Known::Acknowledged { id, title } => {
                    assert_eq!(stored.get(id), Some(title), "an acknowledged write of kind {kind} is lost");
                    acknowledged += 1;
                }
                Known::Refused(title) => {
                    assert!(!stored.values().any(|stored| stored == title), "a refused write of kind {kind} is there");
                }
                Known::Ambiguous => ambiguous += 1,
            }
        }
    }
    assert!(acknowledged >= 50 + writes / 20, "{acknowledged} acknowledged");
    assert!(ambiguous >= writes / 20, "{ambiguous} broken off: too few to mean anything");

    // Three checks, further apart than a session may be idle in a transaction and closer than the server's own limit.
    for _ in 0..3 {
        let forgotten = sqlx::query(FORGOTTEN).fetch_all(&mut db).await.expect("rows");
        let forgotten: Vec<String> = forgotten.iter().map(|row| row.get(1)).collect();
        assert!(forgotten.is_empty(), "idle in transaction: {forgotten:?}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// A project and a task for every write, so that each changes what no other does.
async fn targets(world: &World, ada: &Person, writes: usize) -> (Vec<i64>, Vec<i64>) {
    let mut db = world.database.connect().await;
    let writes = i64::try_from(writes.max(50)).expect("a number of writes");
    let projects =
        "INSERT INTO projects (title, owner_id) SELECT 'target', $1 FROM generate_series(1, $2) RETURNING id";
    let projects: Vec<i64> =
        sqlx::query_scalar(projects).bind(ada.id).bind(writes).fetch_all(&mut db).await.expect("projects");
    let tasks = "INSERT INTO tasks (title, project_id) SELECT 'target', unnest($1::bigint[]) RETURNING id";
    let tasks = sqlx::query_scalar(tasks).bind(&projects).fetch_all(&mut db).await.expect("tasks");
    (projects, tasks)
}
