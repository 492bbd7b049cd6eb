//! The last minute, live.

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::Value;

use crate::world::{View, World, time, view};

#[tokio::test(flavor = "multi_thread")]
async fn each_second_has_the_views_of_the_minute_before_it() {
    let world = World::new().await;
    let now = Utc::now();
    let bot = View { bot: Some("crawler"), ..view("/x", now - TimeDelta::seconds(10)) };
    let soon = now + TimeDelta::minutes(10);
    world
        .store(&[
            view("/x", now - TimeDelta::seconds(10)),
            view("/y", now - TimeDelta::minutes(10)),
            view("/z", soon),
            bot,
        ])
        .await;
    let answer = world.nobody.get("/api/p3/analytics/live?seconds=3").await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events: Vec<_> = answer.text.split("\n\n").filter(|event| event.contains("data:")).collect();
    assert!(events.len() >= 2, "{}", answer.text);
    let mut last = 0;
    for event in events {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).expect(name).trim().to_owned();
        assert_eq!(field("event:"), "minute");
        let data: Value = serde_json::from_str(&field("data:")).expect("JSON");
        let second: i64 = field("id:").parse().expect("a number");
        assert_eq!(time(data["at"].as_str().expect("a time")).timestamp(), second);
        assert!(second > last, "seconds go on");
        last = second;
        assert_eq!(data["count"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_watch_ask_the_database_once_a_second() {
    let world = World::new().await;
    let watched = join_all((0..20).map(|_| world.nobody.get("/api/p3/analytics/live?seconds=3"))).await;
    let events: usize = watched.iter().map(|answer| answer.text.matches("event: minute").count()).sum();
    assert!(events >= 40, "{events}");
    // The whole partitioned table is searched through its partitions; there is one for unforeseen days, and no other.
    let ids: std::collections::BTreeSet<&str> =
        watched.iter().flat_map(|answer| answer.text.lines()).filter_map(|line| line.strip_prefix("id:")).collect();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let scans = "SELECT coalesce(sum(idx_scan), 0)::bigint + coalesce(sum(seq_scan), 0)::bigint \
         FROM pg_stat_user_tables WHERE relname = 'page_views_default'";
    // Statistics are reported with a delay.
    while world.number(scans).await == 0 {
        assert!(std::time::Instant::now() < deadline, "nothing was asked");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let scans = world.number(scans).await;
    assert!(scans <= ids.len() as i64, "{scans} scans for {} seconds", ids.len());
}
