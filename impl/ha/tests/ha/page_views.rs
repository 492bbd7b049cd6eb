//! Clients that report page views with event ids, one by one and in batches.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use serde_json::{Value, json};
use testkit::deployment::Deployment;
use testkit::page_views::MISCOUNTED;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::pace::{PATIENCE, THINK, dice_of};
use crate::record::{Outcome, Record};

/// The name under which responses are recorded.
pub const KIND: &str = "page view";
const BATCH: usize = 20;

/// What the clients know, by event.
#[derive(Default)]
pub struct Views {
    acked: HashSet<Uuid>,
    refused: HashSet<Uuid>,
    unknown: HashSet<Uuid>,
}

/// One client, until it is stopped and its last report has an outcome.
pub async fn run(client: testkit::Client, n: usize, record: Record, views: Arc<Mutex<Views>>, end: CancellationToken) {
    let mut dice = dice_of(n);
    while !end.is_cancelled() {
        sleep(THINK).await;
        let count = if dice.random_bool(0.25) { BATCH } else { 1 };
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::new_v4()).collect();
        let view = |id: &Uuid| json!({"path": format!("/page/{}", id.as_u128() % 7), "event_id": id, "country": "DE"});
        let (path, body): (_, Value) = match ids.as_slice() {
            [id] => ("/api/p3/page-views", view(id)),
            ids => ("/api/p3/page-views/batch", ids.iter().map(view).collect()),
        };
        let repeats = dice.random_bool(0.5);
        let (mut was_unknown, begun) = (false, Instant::now());
        loop {
            let outcome = record.send(KIND, client.request(http::Method::POST, path).json(&body)).await;
            let mut known = views.lock().expect("nobody panics here");
            match outcome {
                Outcome::Acked(..) => {
                    known.acked.extend(&ids);
                    break;
                }
                Outcome::Unknown => was_unknown = true,
                Outcome::NothingDone | Outcome::Rejected => {}
            }
            if !repeats || begun.elapsed() > PATIENCE {
                let list = if was_unknown { &mut known.unknown } else { &mut known.refused };
                list.extend(&ids);
                break;
            }
            drop(known);
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Rows whose path is not the one that was sent with the event.
const MISPLACED: &str = "
    SELECT v.event_id, p.path FROM page_views v LEFT JOIN paths p ON p.id = v.path_id";

impl Views {
    /// Holds them against the database.
    pub async fn hold(&self, deployment: &Deployment) {
        let rows: Vec<(Uuid, Option<String>)> =
            sqlx::query_as(MISPLACED).fetch_all(&deployment.db).await.expect("the rows");
        let stored: HashSet<Uuid> = rows.iter().map(|(id, _)| *id).collect();
        println!(
            "page views: {} acknowledged, {} rejected, {} unknown, {} stored",
            self.acked.len(),
            self.refused.len(),
            self.unknown.len(),
            rows.len()
        );
        assert_eq!(stored.len(), rows.len(), "an event is stored twice");
        let lost: Vec<_> = self.acked.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let done: Vec<_> = self.refused.intersection(&stored).collect();
        assert!(done.is_empty(), "rejected and stored: {done:?}");
        let unknown = stored.iter().find(|id| !self.acked.contains(id) && !self.unknown.contains(id));
        assert_eq!(unknown, None, "stored and never sent");
        let wrong = rows.iter().find(|(id, path)| path.as_deref() != Some(&format!("/page/{}", id.as_u128() % 7)));
        assert_eq!(wrong, None, "stored for another path");
        assert_eq!(deployment.number(MISCOUNTED).await, 0, "the counts are not those of the rows");
    }
}
