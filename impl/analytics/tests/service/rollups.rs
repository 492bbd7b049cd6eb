//! Counts: blocks are merged and days dropped during writes and erasures, and sums always match the rows.

use chrono::{Days, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{OPTIMIZED, SLOW, View, World, time, view};

const BLOCKS: &str = "SELECT count(*) FROM view_rollups";
const SPANS: &str = "SELECT count(*) FROM (SELECT DISTINCT minutes, start FROM path_counts) spans";

#[tokio::test(flavor = "multi_thread")]
async fn of_each_span_one_block_is_left() {
    let world = World::new().await;
    let at = time("2026-01-31T22:58:30Z");
    for n in 0..20 {
        let views: Vec<View> =
            (0..50).map(|m| view(&format!("/{}", m % 7), at + TimeDelta::seconds(n + m * 11))).collect();
        world.store(&views).await;
    }
    world.store(&[View { user: Some(7), ..view("/gone", time("2026-03-01T00:00:00Z")) }]).await;
    assert!(world.number(BLOCKS).await > world.number(SPANS).await);
    let before = world.ask(OPTIMIZED, &[]).await;
    world.service.merge_counts().await.expect("counts are merged");
    world.verify().await;
    assert_eq!(world.number(BLOCKS).await, world.number(SPANS).await);
    world.service.changed();
    assert_eq!(world.ask(OPTIMIZED, &[]).await, before);
    // Erased views leave nothing behind.
    assert_eq!(world.admin.delete("/api/p3/users/7/page-views").await.expect(200), json!({"erased": 1}));
    world.verify().await;
    world.service.merge_counts().await.expect("counts are merged");
    world.verify().await;
    assert_eq!(world.number(BLOCKS).await, world.number(SPANS).await);
    assert_eq!(world.number("SELECT count(*) FROM view_rollups WHERE start >= '2026-02-28'").await, 0);
    // Merged blocks are not merged again.
    let (id, moved) = ("SELECT txid_current()", "SELECT count(*) FROM view_rollups WHERE xmin::text::bigint >= ");
    let now = world.number(id).await;
    world.service.merge_counts().await.expect("counts are merged");
    assert_eq!(world.number(&format!("{moved}{now}")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_gets_in_nobodys_way() {
    let world = World::new().await;
    let at = time("2026-01-31T23:50:00Z");
    // Views stored together in a test have no new paths.
    world.store(&["/0", "/1", "/2"].map(|path| view(path, at))).await;
    let store = async |writer: i64| {
        for n in 0..15 {
            let when = at + TimeDelta::seconds(writer * 97 + n * 61);
            let views: Vec<View> =
                (0..20).map(|m| View { user: Some(writer), ..view(&format!("/{}", m % 3), when) }).collect();
            world.store(&views).await;
        }
    };
    let merge = async || {
        for _ in 0..15 {
            world.service.merge_counts().await.expect("counts are merged");
        }
    };
    let erase = async || {
        for _ in 0..5 {
            world.admin.delete("/api/p3/users/1/page-views").await.expect(200);
        }
    };
    tokio::join!(join_all((0..4).map(&store)), join_all([merge(), merge(), merge()]), erase());
    world.verify().await;
    world.service.merge_counts().await.expect("counts are merged");
    world.verify().await;
    world.service.changed();
    assert_eq!(world.ask(SLOW, &[]).await, world.ask(OPTIMIZED, &[]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_day_is_gone_from_its_week_as_well() {
    let world = World::new().await;
    // Kept for 400 days by default.
    let old = Utc::now().date_naive().checked_sub_days(Days::new(500)).expect("a day").and_hms_opt(12, 0, 0);
    let old = old.expect("a time").and_utc();
    let days: Vec<View> =
        (0..9).map(|n| view(if n % 2 == 0 { "/x" } else { "/y" }, old + TimeDelta::days(n))).collect();
    for view in &days {
        world.database.execute(&format!("SELECT ensure_page_views_of('{}')", view.created_at.date_naive())).await;
    }
    world.store(&days).await;
    world.service.merge_counts().await.expect("counts are merged");
    world.store(&[days.clone(), vec![view("/x", Utc::now())]].concat()).await;
    world.verify().await;
    let merge = async || world.service.merge_counts().await;
    let (tidied, merged) = tokio::join!(world.service.tidy(), merge());
    tidied.and(merged).expect("old days are dropped");
    world.verify().await;
    assert_eq!(world.ask(OPTIMIZED, &[]).await, json!([{"path": "/x", "count": 1}]));
}
