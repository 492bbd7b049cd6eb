//! The most viewed paths, counted slowly and fast.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::world::{OPTIMIZED, SLOW, View, World, time, view};

async fn both(world: &World, query: &[(&str, &str)]) -> Value {
    let slow = world.ask(SLOW, query).await;
    assert_eq!(world.ask(OPTIMIZED, query).await, slow, "{query:?}");
    slow
}

#[tokio::test(flavor = "multi_thread")]
async fn most_viewed_first_and_equal_ones_by_their_bytes() {
    let world = World::new().await;
    assert_eq!(both(&world, &[]).await, json!([]));
    let at = time("2026-01-31T09:30:00Z");
    let paths = ["/b", "/B", "/é", "/a", "/z", "/z", "/f"];
    world.store(&paths.map(|path| view(path, at))).await;
    let ranking = |paths: &[&str]| -> Value {
        paths.iter().map(|path| json!({"path": path, "count": if *path == "/z" { 2 } else { 1 }})).collect()
    };
    assert_eq!(both(&world, &[]).await, ranking(&["/z", "/B", "/a", "/b", "/f", "/é"]));
    assert_eq!(both(&world, &[("limit", "3")]).await, ranking(&["/z", "/B", "/a"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_has_its_start_and_not_its_end() {
    let world = World::new().await;
    let at = time("2026-01-31T09:30:00Z");
    world.store(&[view("/x", at)]).await;
    let one = json!([{"path": "/x", "count": 1}]);
    let windows = [
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000001Z", true),
        ("2026-01-31T09:29:59.999999Z", "2026-01-31T09:30:00Z", false),
        ("2026-01-31T09:30:00.000001Z", "2026-01-31T10:00:00Z", false),
        // Below the resolution of Postgres: the window still begins after the view.
        ("2026-01-31T09:30:00.0000001Z", "2026-01-31T10:00:00Z", false),
        ("2026-01-31T09:29:00Z", "2026-01-31T09:30:00.0000001Z", true),
        ("2026-01-31T10:30:00+01:00", "2026-02-01", true),
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z", false),
        ("2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", true),
    ];
    for (start, end, there) in windows {
        let expected = if there { one.clone() } else { json!([]) };
        assert_eq!(both(&world, &[("start", start), ("end", end)]).await, expected, "{start} {end}");
    }
    assert_eq!(both(&world, &[("start", "2026-01-31T09:30:00Z")]).await, one);
    assert_eq!(both(&world, &[("end", "2026-01-31T09:30:00Z")]).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_bots_nor_what_is_to_come_counts() {
    let world = World::new().await;
    let now = Utc::now();
    let bot = View { bot: Some("crawler"), ..view("/x", now - TimeDelta::minutes(2)) };
    world.store(&[view("/x", now - TimeDelta::minutes(2)), view("/x", now + TimeDelta::minutes(3)), bot]).await;
    assert_eq!(both(&world, &[]).await, json!([{"path": "/x", "count": 1}]));
    let tomorrow = (now + TimeDelta::days(1)).to_rfc3339();
    assert_eq!(both(&world, &[("end", &tomorrow)]).await, json!([{"path": "/x", "count": 2}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_with_a_faster_clock_has_acknowledged_counts() {
    let world = World::new().await;
    world.store(&[view("/x", Utc::now() + TimeDelta::seconds(30))]).await;
    assert_eq!(both(&world, &[]).await, json!([{"path": "/x", "count": 1}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_window_is_refused() {
    let world = World::new().await;
    for path in [SLOW, OPTIMIZED] {
        for (query, pointer) in
            [("limit=0", "limit"), ("limit=101", "limit"), ("start=yesterday", "start"), ("end=", "end")]
        {
            world.nobody.get(&format!("{path}?{query}")).await.expect_invalid(&format!("#/{pointer}"));
        }
    }
}
