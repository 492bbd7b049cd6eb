//! Random views and windows: fast counts equal slow counts, and both equal a simple count here.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{OPTIMIZED, SLOW, TIME_SERIES, View, World, time, view};

/// The tested days; one of them has 23 hours in Berlin.
const FIRST: &str = "2026-03-27T00:00:00Z";
const DAYS: i64 = 4;

/// Times at, just before and somewhere after the boundaries of minutes, hours and days.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    let border = prop_oneof![
        (0..=DAYS).prop_map(|day| day * 1440),
        (0..=DAYS * 24).prop_map(|hour| hour * 60),
        0..=DAYS * 1440,
    ];
    let beside = prop_oneof![Just(0), Just(-1), Just(1), -90_000_000..90_000_000_i64];
    (border, beside)
        .prop_map(|(minutes, micros)| time(FIRST) + TimeDelta::minutes(minutes) + TimeDelta::microseconds(micros))
}

fn some_view() -> impl Strategy<Value = View> {
    let path = prop::sample::select(vec!["/a", "/b", "/B", "/é", "/%"]);
    (path, moment(), prop::bool::weighted(0.15))
        .prop_map(|(path, at, bot)| View { bot: bot.then_some("crawler"), ..view(path, at) })
}

#[derive(Debug, Clone)]
struct Question {
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    limit: usize,
}

fn question() -> impl Strategy<Value = Question> {
    (prop::option::weighted(0.9, moment()), prop::option::weighted(0.9, moment()), 1..7_usize)
        .prop_map(|(start, end, limit)| Question { start, end, limit })
}

impl Question {
    fn holds(&self, view: &View) -> bool {
        let ended = self.end.is_some_and(|end| view.created_at >= end);
        view.bot.is_none() && !ended && self.start.is_none_or(|start| view.created_at >= start)
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.start.map(|start| ("start", start.to_rfc3339())));
        query.extend(self.end.map(|end| ("end", end.to_rfc3339())));
        query
    }

    fn ranking(&self, views: &[View]) -> Value {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for view in views.iter().filter(|view| self.holds(view)) {
            *counts.entry(&view.path).or_default() += 1;
        }
        let mut ranking: Vec<_> = counts.into_iter().collect();
        ranking.sort_by_key(|(path, count)| (-count, *path));
        ranking.iter().take(self.limit).map(|(path, count)| json!({"path": path, "count": count})).collect()
    }
}

fn borrowed<'a>(query: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    query.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

async fn clear(world: &World) {
    world.database.execute("TRUNCATE page_views, page_view_events, view_rollups").await;
}

/// The world is set up once; setting it up takes longer than the cases.
fn check<S: Strategy>(cases: u32, strategy: S, check: impl AsyncFn(&World, S::Value))
where
    S::Value: Clone,
{
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&strategy, |input| {
        let body = std::panic::AssertUnwindSafe(|| runtime.block_on(check(&world, input.clone())));
        std::panic::catch_unwind(body).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            TestCaseError::fail(text.unwrap_or_else(|| "a panic".to_owned()))
        })
    });
    runtime.block_on(async { drop(world) });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn slow_and_optimized_count_the_same() {
    let input = (prop::collection::vec(some_view(), 0..60), prop::collection::vec(question(), 1..12));
    check(40, input, async |world, (views, questions)| {
        clear(world).await;
        world.store(&views).await;
        world.verify().await;
        for (place, question) in questions.into_iter().enumerate() {
            if place == 2 {
                world.service.merge_counts().await.expect("counts are merged");
                world.verify().await;
            }
            let query = question.query();
            let expected = question.ranking(&views);
            assert_eq!(world.ask(SLOW, &borrowed(&query)).await, expected, "slow {question:?}");
            assert_eq!(world.ask(OPTIMIZED, &borrowed(&query)).await, expected, "optimized {question:?}");
        }
    });
}

/// Postgres has its own time zone data; it counts rows by their local time.
const BY_ROWS: &str = "SELECT date_trunc($1, v.created_at, $2) AS start, count(*) FROM page_views v \
     JOIN paths p ON p.id = v.path_id WHERE v.bot IS NULL AND v.created_at >= $3 AND v.created_at < $4 \
     AND ($5::text IS NULL OR p.path = $5) GROUP BY 1 ORDER BY 1";

#[test]
fn a_time_series_is_what_rows_add_up_to() {
    let zones = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"];
    let one = (
        moment(),
        moment(),
        prop::sample::select(vec!["hour", "day", "minute"]),
        prop::sample::select(zones.to_vec()),
        prop::option::of(prop::sample::select(vec!["/a", "/nowhere"])),
    );
    let input = (prop::collection::vec(some_view(), 0..60), prop::collection::vec(one, 1..8));
    check(25, input, async |world, (views, questions)| {
        clear(world).await;
        world.store(&views).await;
        for (start, end, interval, zone, path) in questions {
            let rows: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(BY_ROWS)
                .bind(interval)
                .bind(zone)
                .bind(start)
                .bind(end)
                .bind(path)
                .fetch_all(&mut world.database.connect().await)
                .await
                .expect("rows");
            let (from, to) = (start.to_rfc3339(), end.to_rfc3339());
            let mut query = vec![("start", &*from), ("end", &*to), ("interval", interval), ("time_zone", zone)];
            query.extend(path.map(|path| ("path", path)));
            let answer = world.ask(TIME_SERIES, &query).await;
            let points: Vec<(DateTime<Utc>, i64)> = answer.as_array().expect("points").iter().map(point).collect();
            let viewed: Vec<_> = points.iter().copied().filter(|(_, count)| *count > 0).collect();
            assert_eq!(viewed, rows, "{query:?}");
            assert!(points.is_sorted_by(|one, next| one.0 < next.0), "{query:?}");
            assert_eq!(points.is_empty(), start >= end, "{query:?}");
        }
    });
}

fn point(point: &Value) -> (DateTime<Utc>, i64) {
    (time(point["start"].as_str().expect("a time")), point["count"].as_i64().expect("a number"))
}
