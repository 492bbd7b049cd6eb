//! Erasure: rows, events and counts are erased together.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{OPTIMIZED, SLOW, View, World, time, view};

const VISITOR: &str = "9f86d081884c7d65";

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_as_if_it_had_never_been() {
    let world = World::new().await;
    let at = time("2026-01-31T23:59:30Z");
    let mut views = Vec::new();
    for n in 0..50 {
        let at = at + TimeDelta::seconds(n * 7);
        views.push(View { user: Some(7), bot: (n % 5 == 0).then_some("crawler"), ..view("/x", at) });
        views.push(View { visitor: Some(VISITOR), ..view(if n == 0 { "/only" } else { "/x" }, at) });
        views.push(View { user: Some(8), ..view("/x", at) });
    }
    world.store(&views).await;
    assert_eq!(world.admin.delete("/api/p3/users/7/page-views").await.expect(200), json!({"erased": 50}));
    world.verify().await;
    assert_eq!(world.admin.delete("/api/p3/users/7/page-views").await.expect(200), json!({"erased": 0}));
    let visitor = format!("/api/p3/visitors/{VISITOR}/page-views");
    assert_eq!(world.admin.delete(&visitor).await.expect(200), json!({"erased": 50}));
    assert_eq!(world.admin.delete(&visitor).await.expect(200), json!({"erased": 0}));
    world.verify().await;
    assert_eq!(world.ask(OPTIMIZED, &[]).await, json!([{"path": "/x", "count": 50}]));
    assert_eq!(world.number("SELECT count(*) FROM page_view_events").await, 50);
    assert_eq!(world.admin.delete("/api/p3/users/8/page-views").await.expect(200), json!({"erased": 50}));
    assert_eq!(world.verify().await, 0, "counts of nothing are not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_at_once_with_others_that_come_and_go() {
    let world = World::new().await;
    let at = time("2026-01-31T23:00:00Z");
    let of = |user: i64| -> Vec<View> {
        (0..6_000)
            .map(|n| View {
                user: Some(user),
                ..view(if n % 2 == 0 { "/x" } else { "/y" }, at + TimeDelta::seconds(n))
            })
            .collect()
    };
    for user in [1, 2] {
        world.store(&of(user)).await;
    }
    let (three, four) = (of(3), of(4));
    // Twice the same user, another one, and two that are being recorded.
    // A request that waits too long for another one's rows gets 503; what it erased until then is in no response.
    let repeated = AtomicUsize::new(0);
    let erase = async |user: i64| loop {
        let answer = world.admin.delete(&format!("/api/p3/users/{user}/page-views")).await;
        if answer.status != 503 || repeated.fetch_add(1, Ordering::Relaxed) == 10 {
            return answer.expect(200)["erased"].as_i64();
        }
    };
    let (erased, other, ..) =
        tokio::join!(join_all([erase(1), erase(1)]), erase(2), world.store(&three), world.store(&four));
    let erased: i64 = erased.into_iter().flatten().sum();
    if repeated.load(Ordering::Relaxed) == 0 {
        assert_eq!((erased, other), (6_000, Some(6_000)));
    } else {
        assert!(erased <= 6_000 && other <= Some(6_000), "{erased} {other:?}");
    }
    world.verify().await;
    assert_eq!(
        world.ask(OPTIMIZED, &[]).await,
        json!([{"path": "/x", "count": 6_000}, {"path": "/y", "count": 6_000}])
    );
}

/// By a developer who clears the tables before a test, for example.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_by_sql_is_not_counted_either() {
    let world = World::new().await;
    let at = time("2026-01-31T23:59:30Z");
    let views: Vec<_> = (0..60)
        .map(|n| View {
            bot: (n % 5 == 0).then_some("crawler"),
            ..view(["/x", "/y"][n % 2], at + TimeDelta::seconds(n as i64 * 7))
        })
        .collect();
    world.store(&views).await;
    let both = async |expected: serde_json::Value| {
        assert_eq!(world.ask(SLOW, &[]).await, expected);
        world.service.changed();
        assert_eq!(world.ask(OPTIMIZED, &[]).await, expected);
        world.verify().await;
    };
    world
        .database
        .execute("DELETE FROM page_views WHERE id % 3 = 0 OR path_id = (SELECT id FROM paths WHERE path = '/y')")
        .await;
    both(json!([{"path": "/x", "count": world.number("SELECT count(*) FROM page_views WHERE bot IS NULL").await}]))
        .await;
    assert_eq!(
        world.number("SELECT count(*) FROM page_view_events").await,
        world.number("SELECT count(*) FROM page_views").await
    );
    world.database.execute("DELETE FROM page_views WHERE false").await;
    for clear in [
        "DELETE FROM page_views",
        "TRUNCATE page_views RESTART IDENTITY",
        "TRUNCATE page_views, view_rollups CASCADE",
        "TRUNCATE page_view_events, page_views, view_rollups",
    ] {
        world.store(&views).await;
        world.database.execute(clear).await;
        both(json!([])).await;
        assert_eq!(world.number("SELECT count(*) FROM page_view_events").await, 0);
    }
    world.store(&views).await;
    both(json!([{"path": "/x", "count": 24}, {"path": "/y", "count": 24}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn superusers_only() {
    let world = World::new().await;
    for path in ["/api/p3/users/7/page-views", "/api/p3/visitors/9f86d081884c7d65/page-views"] {
        world.nobody.delete(path).await.expect_problem(401, "missing_token");
        world.user.delete(path).await.expect_problem(403, "insufficient_scope");
    }
    world.admin.delete("/api/p3/visitors/somebody/page-views").await.expect_invalid("#/visitor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_leaves_no_page_views() {
    let world = World::new().await;
    let me = world.user.get("/api/p3/auth/users/me").await.expect(200)["id"].as_i64().expect("an id");
    for n in 0..3 {
        world.user.post("/api/p3/page-views", &json!({"path": format!("/{n}")})).await.expect(201);
    }
    // Claimed by an unauthenticated reporter; it is about the user all the same.
    world.nobody.post("/api/p3/page-views", &json!({"path": "/0", "user_id": me})).await.expect(201);
    world.nobody.post("/api/p3/page-views", &json!({"path": "/0", "user_id": me + 1_000})).await.expect(201);
    world.database.execute(&format!("DELETE FROM users WHERE id = {me}")).await;
    world.service.erase_deleted_users().await.expect("they are erased");
    let left = format!("SELECT count(*) FROM page_views WHERE user_id = {me}");
    assert_eq!(world.number(&left).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM page_view_erasures").await, 0);
    assert_eq!(world.ask(OPTIMIZED, &[]).await, json!([{"path": "/0", "count": 1}]));
    world.verify().await;
}
