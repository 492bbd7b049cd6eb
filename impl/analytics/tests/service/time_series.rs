//! Views over time.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{TIME_SERIES, World, time, view, with_query};

fn counts(points: &Value) -> Vec<i64> {
    points.as_array().expect("points").iter().map(|point| point["count"].as_i64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bucket_of_the_window_is_there() {
    let world = World::new().await;
    let at = time("2026-01-31T09:30:15Z");
    world.store(&[view("/x", at), view("/x", at), view("/y", at + TimeDelta::hours(2))]).await;
    let window = [("start", "2026-01-31T09:30:10Z"), ("end", "2026-01-31T12:00:00Z")];
    let expected = json!([
        {"start": "2026-01-31T09:00:00Z", "count": 2},
        {"start": "2026-01-31T10:00:00Z", "count": 0},
        {"start": "2026-01-31T11:00:00Z", "count": 1},
    ]);
    assert_eq!(world.ask(TIME_SERIES, &window).await, expected);
    let of_y = world.ask(TIME_SERIES, &[&window[..], &[("path", "/y")]].concat()).await;
    assert_eq!(counts(&of_y), [0, 0, 1]);
    let minutes = world.ask(TIME_SERIES, &[&window[..], &[("interval", "minute")]].concat()).await;
    assert_eq!((counts(&minutes).len(), counts(&minutes).iter().sum::<i64>()), (150, 3));
    let half = [("start", "2026-01-31T09:30:15.000001Z"), ("end", "2026-01-31T11:30:15Z"), ("interval", "day")];
    assert_eq!(counts(&world.ask(TIME_SERIES, &half).await), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_begin_where_people_live() {
    let world = World::new().await;
    // Daylight saving time began in Berlin that night.
    let times = ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"];
    world.store(&times.map(|at| view("/x", time(at)))).await;
    let query = [
        ("start", "2026-03-27T23:00:00Z"),
        ("end", "2026-03-30T22:00:00Z"),
        ("interval", "day"),
        ("time_zone", "Europe/Berlin"),
    ];
    let expected = json!([
        {"start": "2026-03-27T23:00:00Z", "count": 1},
        {"start": "2026-03-28T23:00:00Z", "count": 2},
        {"start": "2026-03-29T22:00:00Z", "count": 1},
    ]);
    assert_eq!(world.ask(TIME_SERIES, &query).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_with_the_first_view() {
    let world = World::new().await;
    assert_eq!(world.ask(TIME_SERIES, &[]).await, json!([]));
    world.store(&[view("/x", time("2026-01-31T09:30:15Z")), view("/y", time("2026-01-31T11:59:59Z"))]).await;
    let end = ("end", "2026-01-31T13:00:00Z");
    assert_eq!(counts(&world.ask(TIME_SERIES, &[end]).await), [1, 0, 1, 0]);
    assert_eq!(counts(&world.ask(TIME_SERIES, &[end, ("path", "/y")]).await), [1, 0]);
    assert_eq!(world.ask(TIME_SERIES, &[end, ("path", "/nowhere")]).await, json!([]));
    assert_eq!(world.ask(TIME_SERIES, &[("end", "2026-01-31T09:30:00Z")]).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_refused() {
    let world = World::new().await;
    let ask = async |query: &[(&str, &str)]| world.nobody.get(&with_query(TIME_SERIES, query)).await;
    for zone in ["Mars/Olympus", "EST5", "+01", "localtime", "/"] {
        ask(&[("time_zone", zone)]).await.expect_problem(404, "time_zone_not_found");
    }
    ask(&[("time_zone", "Etc/GMT+5"), ("interval", "year")]).await.expect_invalid("#/interval");
    ask(&[("time_zone", "a b")]).await.expect_invalid("#/time_zone");
    // 10,000 points, and one more.
    let start = time("2026-01-01T00:00:00Z");
    for (interval, width) in
        [("minute", TimeDelta::minutes(1)), ("hour", TimeDelta::hours(1)), ("day", TimeDelta::days(1))]
    {
        let end = start + width * 10_000;
        let query = |end: String| [("start", start.to_rfc3339()), ("end", end), ("interval", interval.to_owned())];
        let answer = |query: [(&'static str, String); 3]| {
            let ask = &ask;
            async move { ask(&query.each_ref().map(|(name, value)| (*name, &**value))).await }
        };
        let points = answer(query(end.to_rfc3339())).await.expect(200);
        assert_eq!(points.as_array().map(Vec::len), Some(10_000));
        let too_many = answer(query((end + TimeDelta::microseconds(1)).to_rfc3339())).await;
        too_many.expect_problem(409, "window_too_large");
    }
    let ever = [("start", "0001-01-01T00:00:00Z"), ("end", "9999-12-31T23:59:59Z"), ("interval", "day")];
    ask(&ever).await.expect_problem(409, "window_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bucket_begins_where_no_date_time_can() {
    let world = World::new().await;
    for (start, end) in
        [("0001-01-01T00:00:00Z", "0001-01-03T00:00:00Z"), ("9999-12-30T00:00:00Z", "9999-12-31T23:59:59.999Z")]
    {
        for (zone, interval) in [
            ("America/Los_Angeles", "day"),
            ("Pacific/Kiritimati", "day"),
            ("Asia/Kathmandu", "hour"),
            ("UTC", "minute"),
        ] {
            let query = [("start", start), ("end", end), ("time_zone", zone), ("interval", interval)];
            let points = world.nobody.get(&with_query(TIME_SERIES, &query)).await.expect(200);
            for point in points.as_array().expect("points") {
                let begins = point["start"].as_str().expect("a time");
                assert!(
                    ("0001-01-01T00:00:00Z"..="9999-12-31T23:59:59Z").contains(&begins),
                    "{zone} {interval}: {begins}"
                );
            }
        }
    }
    for bad in ["0000-12-31T23:59:59Z", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-01:00"] {
        world.nobody.get(&with_query(TIME_SERIES, &[("start", bad)])).await.expect_invalid("#/start");
    }
}
