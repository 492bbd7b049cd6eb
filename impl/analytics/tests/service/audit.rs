//! Inconsistencies are detected: by `server verify`, which checks everything, and by the background audit.

use chrono::{Days, TimeDelta, Utc};
use platform::verification::Finding;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, view};

const VIEWS: &str = "/api/p3/page-views";

async fn broken(world: &World) -> Vec<&'static str> {
    let checks = analytics::verify::run(&world.database.settings()).await.expect("the checks are made");
    checks.iter().filter(|(_, finding)| *finding != Finding::Holds).map(|(check, _)| check.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_the_name_of_its_event_is_found() {
    let world = World::new().await;
    let event = Uuid::new_v4();
    world.nobody.post(VIEWS, &json!({"path": "/x", "event_id": event})).await.expect(201);
    world.nobody.post(VIEWS, &json!({"path": "/x"})).await.expect(201);
    assert_eq!(broken(&world).await, [""; 0]);
    world.database.execute(&format!("DELETE FROM page_view_events WHERE event_id = '{event}'")).await;
    assert_eq!(broken(&world).await, ["every page view with an event id has its id remembered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_are_not_what_the_rows_say_are_noticed_while_it_runs() {
    let world = World::new().await;
    let now = Utc::now();
    let old = (now.date_naive() - Days::new(3)).and_hms_opt(12, 0, 0).expect("a time").and_utc();
    let views: Vec<_> = (0..100).map(|n| view("/x", old + TimeDelta::seconds(n * 600))).collect();
    world.store(&views).await;
    world.store(&[view("/x", now), view("/y", now - TimeDelta::minutes(3))]).await;
    let rounds = async |rounds: usize| {
        let mut found = 0;
        for _ in 0..rounds {
            found = world.service.audit().await.expect("a round");
        }
        found
    };
    assert_eq!(rounds(6).await, 0);
    let insert = |at: &str| {
        format!(
            "INSERT INTO page_views (path_id, created_at, event_id) SELECT id, {at}, gen_random_uuid() FROM paths WHERE path = '/x'"
        )
    };
    let count = |at: &str| {
        format!(
            "SELECT add_to_rollups(ARRAY[date_bin('1 minute', {at}, 'epoch')], ARRAY[id], ARRAY[1::bigint]) FROM paths WHERE path = '/x'"
        )
    };
    // Lately: at once.
    let at = format!("'{}'::timestamptz", (now - TimeDelta::minutes(2)).to_rfc3339());
    world.database.execute(&insert(&at)).await;
    assert_eq!(rounds(1).await, 1);
    world.database.execute(&count(&at)).await;
    assert_eq!(rounds(1).await, 0);
    // Long ago: page by page.
    let at = format!("'{}'::timestamptz", (old + TimeDelta::hours(1)).to_rfc3339());
    world.database.execute(&insert(&at)).await;
    assert_eq!(rounds(6).await, 1);
    world.database.execute(&count(&at)).await;
    assert_eq!(rounds(6).await, 0);
    // Of another width.
    world.database.execute("UPDATE view_rollups SET views = views + 1 WHERE ctid = (SELECT ctid FROM view_rollups WHERE minutes = 60 LIMIT 1)").await;
    assert_eq!(rounds(6).await, 1);
}
