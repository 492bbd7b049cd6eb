//! Page views at full rate while the API is killed and Postgres restarted, with clients that retry what was not acknowledged:
//! acknowledged views are stored, nothing is stored twice, and the counts match the rows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backends::Server;
use rand::RngExt as _;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use testkit::page_views::MISCOUNTED;
use testkit::scale::{dice, size};
use testkit::system::{Plan, System};

/// Clients, and rows of a batch; every fourth report is a batch.
const LOAD: ((usize, usize), (usize, usize)) = ((16, 20), (64, 500));

/// Events that were acknowledged, and those that were sent but never acknowledged.
#[derive(Default)]
struct History {
    acked: HashSet<Uuid>,
    ambiguous: HashSet<Uuid>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_stored_once_and_counted() {
    let (kills, restarts) = size((3, 1), (10, 2));
    let (load, rows) = size(LOAD.0, LOAD.1);
    let mut dice = dice();
    let mut system = System::start(&Plan { durable: true, ..Plan::new("page-views") }).await;
    let mut api = system.process("analytics", "analytics-1", &[]);
    api.start();
    api.ready().await;
    let (history, end) = (Arc::new(Mutex::new(History::default())), CancellationToken::new());
    let mut clients = JoinSet::new();
    for n in 0..load {
        clients.spawn(report(api.url(), (n, rows), Arc::clone(&history), end.clone()));
    }
    for n in 0..kills {
        sleep(Duration::from_millis(dice.random_range(400..1_500))).await;
        api.kill();
        api.start();
        if n < restarts {
            sleep(Duration::from_millis(700)).await;
            system.pause(Server::Postgres);
            system.resume(Server::Postgres);
        }
        api.ready().await;
    }
    sleep(Duration::from_millis(500)).await;
    end.cancel();
    clients.join_all().await;

    let history = Arc::into_inner(history).and_then(|history| history.into_inner().ok()).expect("the clients are gone");
    let stored: Vec<Uuid> =
        sqlx::query_scalar("SELECT event_id FROM page_views").fetch_all(&system.db).await.expect("the rows");
    let ids: HashSet<Uuid> = stored.iter().copied().collect();
    println!("{} acknowledged, {} ambiguous, {} stored", history.acked.len(), history.ambiguous.len(), stored.len());
    assert!(history.acked.len() > 100, "hardly anything was acknowledged\n{}", api.tail());
    assert_eq!(ids.len(), stored.len(), "an event is stored twice");
    assert_eq!(history.acked.difference(&ids).count(), 0, "acknowledged and not stored");
    let unknown = ids.iter().filter(|id| !history.acked.contains(id) && !history.ambiguous.contains(id)).count();
    assert_eq!(unknown, 0, "stored and never sent");
    assert_eq!(system.number(MISCOUNTED).await, 0, "the counts are not those of the rows");
    assert_eq!(api.stop().await.code(), Some(0));
}

/// Reports one view after the other, or a few at once; retries with the same id until it is acknowledged.
async fn report(base: String, (client, rows): (usize, usize), history: Arc<Mutex<History>>, end: CancellationToken) {
    let http = Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
    let mut n = 0;
    while !end.is_cancelled() {
        n += 1;
        let batch = if (n + client).is_multiple_of(4) { rows } else { 1 };
        let views: Vec<(Uuid, Value)> = (0..batch)
            .map(|i| {
                let id = Uuid::new_v4();
                (id, json!({"path": format!("/page/{}", (n + i) % 7), "event_id": id, "country": "DE"}))
            })
            .collect();
        let (path, body) = match views.as_slice() {
            [(_, view)] => ("page-views", view.clone()),
            views => ("page-views/batch", views.iter().map(|(_, view)| view.clone()).collect()),
        };
        let url = format!("{base}/api/p3/{path}");
        let ids = views.iter().map(|(id, _)| *id);
        history.lock().expect("nobody panics").ambiguous.extend(ids.clone());
        for attempt in 0.. {
            let acked = http.post(&url).json(&body).send().await.is_ok_and(|answer| answer.status() == 201);
            if acked {
                let mut history = history.lock().expect("nobody panics");
                ids.clone().for_each(|id| {
                    history.ambiguous.remove(&id);
                });
                history.acked.extend(ids);
                break;
            }
            // At the end there is one more attempt, and its outcome is not known.
            if end.is_cancelled() || attempt > 300 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}
