//! Visitors, and where they came from.

use serde_json::{Value, json};

use crate::world::{View, World, time, view};

const BREAKDOWN: &str = "/api/p3/analytics/breakdown";
const UNIQUES: &str = "/api/p3/analytics/uniques";

async fn world() -> World {
    let world = World::new().await;
    let (day, next) = (time("2026-01-31T09:30:00Z"), time("2026-02-01T09:30:00Z"));
    world
        .store(&[
            View { user: Some(1), country: Some("DE"), visitor: Some("aaaa"), ..view("/x", day) },
            View { user: Some(1), country: Some("DE"), visitor: Some("aaaa"), ..view("/x", day) },
            View { user: Some(2), country: Some("AT"), visitor: Some("bbbb"), ..view("/y", day) },
            View { device: Some("mobile"), referrer: Some("example.com"), visitor: Some("cccc"), ..view("/x", next) },
            View { user: Some(9), country: Some("XX"), visitor: Some("dddd"), bot: Some("crawler"), ..view("/x", day) },
        ])
        .await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_and_users_count_once_and_bots_never() {
    let world = world().await;
    let ask = async |query: &[(&str, &str)]| world.ask(UNIQUES, query).await;
    assert_eq!(ask(&[]).await, json!({"visitors": 3, "users": 2}));
    assert_eq!(ask(&[("path", "/x")]).await, json!({"visitors": 2, "users": 1}));
    assert_eq!(ask(&[("end", "2026-02-01T00:00:00Z")]).await, json!({"visitors": 2, "users": 2}));
    assert_eq!(ask(&[("path", "/nowhere")]).await, json!({"visitors": 0, "users": 0}));
    assert_eq!(ask(&[("start", "2027-01-01"), ("end", "2026-01-01")]).await, json!({"visitors": 0, "users": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_told_apart_by_country_referrer_and_device() {
    let world = world().await;
    let ask =
        async |dimension: &str, query: &[(&str, &str)]| world.ask(&format!("{BREAKDOWN}/{dimension}"), query).await;
    let rows = |rows: &[(Value, i64)]| -> Value {
        rows.iter().map(|(value, count)| json!({"value": value, "count": count})).collect()
    };
    let by_country = rows(&[(json!("DE"), 2), (json!("AT"), 1), (Value::Null, 1)]);
    assert_eq!(ask("country", &[]).await, by_country);
    assert_eq!(ask("country", &[("limit", "1")]).await, rows(&[(json!("DE"), 2)]));
    assert_eq!(ask("device", &[]).await, rows(&[(Value::Null, 3), (json!("mobile"), 1)]));
    assert_eq!(ask("referrer", &[("path", "/x")]).await, rows(&[(Value::Null, 2), (json!("example.com"), 1)]));
    assert_eq!(ask("referrer", &[("start", "2026-03-01")]).await, json!([]));
    world.nobody.get(&format!("{BREAKDOWN}/browser")).await.expect_invalid("#/dimension");
}
