//! Whatever clients can make grow is bounded, and background work is done in small batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{Days, TimeDelta, Utc};
use platform::settings::Environment;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::world::{OPTIMIZED, SLOW, World, view};

const VIEWS: &str = "/api/p3/page-views";
const BATCH: &str = "/api/p3/page-views/batch";
const PARTITIONS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'page_views'::regclass";

fn batch(name: &str, paths: usize) -> Value {
    (0..paths).map(|n| json!({"path": format!("/{name}/{n:0>200}")})).collect()
}

async fn count_of(world: &World, path: &str) -> i64 {
    let slow = world.ask(SLOW, &[("limit", "100")]).await;
    assert_eq!(world.ask(OPTIMIZED, &[("limit", "100")]).await, slow);
    let found =
        slow.as_array().expect("a list").iter().find(|row| row["path"] == path).map(|row| row["count"].as_i64());
    found.flatten().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_paths_are_bounded_and_the_others_are_counted_together() {
    let own = ["--new-paths-per-minute", "50", "--new-paths-per-day", "300"];
    let world = World::with(Environment::Development, &own).await;
    world.nobody.post(VIEWS, &json!({"path": "/honest"})).await.expect(201);
    let mut told = 0;
    for n in 0..3 {
        let receipt = world.nobody.post(BATCH, &batch(&n.to_string(), 200)).await.expect(201);
        assert_eq!((&receipt["stored"], &receipt["duplicates"]), (&json!(200), &json!(0)));
        told += receipt["other"].as_i64().expect("how many of them have no path of their own");
    }
    // A new minute may have begun meanwhile; one address has a quarter of the daily limit.
    let made = world.number("SELECT count(*) FROM paths WHERE path <> '(other)'").await;
    assert!((50..=75).contains(&made), "{made}");
    assert_eq!((count_of(&world, "(other)").await, told), (601 - made, 601 - made));
    // Known paths are still separate, and new ones are reported as such.
    assert_eq!(world.nobody.post(VIEWS, &json!({"path": "/honest"})).await.expect(201)["path"], "/honest");
    world.nobody.post(BATCH, &batch("4", 100)).await.expect(201);
    world.nobody.post(BATCH, &batch("5", 100)).await.expect(201);
    let told = world
        .nobody
        .post(VIEWS, &json!({"path": "/too-much", "event_id": "11111111-1111-4111-8111-111111111111"}))
        .await
        .expect(201);
    let again = world
        .nobody
        .post(VIEWS, &json!({"path": "/too-much", "event_id": "11111111-1111-4111-8111-111111111111"}))
        .await
        .expect(201);
    assert!(told["path"] == "(other)" || told["path"] == "/too-much", "{told}");
    assert_eq!((&told["path"], &told["id"]), (&again["path"], &again["id"]));
    // One client cannot use up the limit of another.
    assert_eq!(world.user.post(VIEWS, &json!({"path": "/mine"})).await.expect(201)["path"], "/mine");
    world.admin.post(BATCH, &batch("site", 1_000)).await.expect(201);
    assert_eq!(world.number("SELECT count(*) FROM paths WHERE path LIKE '/site/%'").await, 1_000);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dictionary_has_an_end_and_forgets_what_nobody_views() {
    let world = World::with(Environment::Development, &["--max-paths", "60"]).await;
    world.admin.post(BATCH, &batch("a", 100)).await.expect(201);
    let known = world.number("SELECT count(*) FROM paths WHERE path <> '(other)'").await;
    assert_eq!(known, 60);
    assert_eq!(count_of(&world, "(other)").await, 40);
    world.database.execute("UPDATE paths SET seen_on = seen_on - 500 WHERE path LIKE '/a/%'").await;
    world.service.tidy().await.expect("the tables are looked after");
    assert_eq!(world.number("SELECT count(*) FROM paths WHERE path LIKE '/a/%'").await, 0);
    assert_eq!(world.number("SELECT total FROM path_dictionary").await, 1);
}

/// Each minute is seven blocks of counts, more or less: a thousand views of as many minutes made some three thousand of them, each
/// time.
#[tokio::test(flavor = "multi_thread")]
async fn minutes_of_the_past_are_bounded() {
    let world = World::new().await;
    let week: Value = (0..1_000)
        .map(|n| json!({"path": "/x", "occurred_at": (Utc::now() - TimeDelta::minutes(20 + 10 * n)).to_rfc3339()}))
        .collect();
    // A new minute may have begun meanwhile.
    let mut stored = 0;
    let refused = loop {
        let answer = world.nobody.post(BATCH, &week).await;
        if answer.status != 201 {
            break answer;
        }
        stored += 1_000;
        assert!(stored <= 5_000, "nobody is refused");
    };
    let wait: u64 = refused.header("retry-after").parse().expect("a number of seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    refused.expect_problem(429, "too_many_past_minutes");
    assert_eq!(count_of(&world, "/x").await, stored);
    // Other users, and current views.
    world.user.post(BATCH, &week).await.expect(201);
    for _ in 0..3 {
        world.admin.post(BATCH, &week).await.expect(201);
    }
    world.nobody.post(BATCH, &batch("now", 100)).await.expect(201);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_has_a_part_of_the_queue_and_no_turn_but_its_own() {
    let world = World::new().await;
    world.user.post(VIEWS, &json!({"path": "/x"})).await.expect(201);
    world
        .database
        .execute(
            "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$; \
             CREATE TRIGGER be_slow BEFORE INSERT ON page_views FOR EACH STATEMENT EXECUTE FUNCTION be_slow()",
        )
        .await;
    let rows: Value = (0..1_000).map(|_| json!({"path": "/x"})).collect();
    let (mut flood, refused) = (JoinSet::new(), Arc::new(Notify::new()));
    for _ in 0..40 {
        let (client, rows, refused) = (world.nobody.clone(), rows.clone(), Arc::clone(&refused));
        flood.spawn(async move {
            loop {
                let answer = client.post(BATCH, &rows).await;
                if answer.status != 201 {
                    let refusal = answer.expect_problem(429, "too_many_concurrent_requests");
                    assert_eq!(refusal.header("retry-after"), "1");
                    refused.notify_one();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    // One client has queued as much as it may. In the order of arrival, the next client would wait for four batches.
    timeout(Duration::from_secs(60), refused.notified()).await.expect("one client sends too much");
    for _ in 0..2 {
        world.user.post(VIEWS, &json!({"path": "/x"})).await.expect(201);
    }
    assert!(flood.try_join_next().is_none(), "one of them was told something else");
    flood.abort_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_days_at_once_make_no_table() {
    let world = World::new().await;
    let day = |days: i64| json!({"path": "/x", "occurred_at": (Utc::now() - TimeDelta::days(days)).to_rfc3339()});
    let year: Value = (0..399).map(day).collect();
    let before = world.number(PARTITIONS).await;
    // An unauthenticated client: a week, and row by row.
    let receipt = world.nobody.post(BATCH, &year).await.expect(207);
    assert_eq!((&receipt["stored"], receipt["rejected"].as_array().map(Vec::len)), (&json!(7), Some(392)));
    assert_eq!(receipt["rejected"][0]["errors"][0]["code"], "event_time_out_of_range");
    world.user.post(VIEWS, &day(8)).await.expect_problem(409, "event_time_out_of_range");
    // A superuser: the whole retention period. It takes no longer than for others.
    let begun = Instant::now();
    assert_eq!(world.admin.post(BATCH, &year).await.expect(201)["stored"], 399);
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!(world.number(PARTITIONS).await, before);
    assert_eq!(count_of(&world, "/x").await, 406);
    // Rows that came before their partition are moved there.
    world.service.tidy().await.expect("the tables are looked after");
    assert_eq!(world.number(PARTITIONS).await, before + 11);
    let week = "SELECT count(*) FROM page_views_default WHERE created_at > now() - interval '6 days'";
    assert_eq!(world.number(week).await, 0);
    assert_eq!(count_of(&world, "/x").await, 406);
    world.verify().await;
    // Rows that are too old are deleted, though no partition can be dropped.
    let old = Utc::now() - TimeDelta::days(500);
    world.store(&(0..20).map(|n| view("/old", old + TimeDelta::hours(n))).collect::<Vec<_>>()).await;
    world.service.tidy().await.expect("the tables are looked after");
    assert_eq!(count_of(&world, "/old").await, 0);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_move_while_others_store_and_read() {
    let world = World::new().await;
    let stored = async |n: i64| {
        for m in 0..20 {
            let at = Utc::now() - TimeDelta::days((n + m) % 3);
            let view = json!({"path": "/x", "occurred_at": at.to_rfc3339()});
            assert_eq!(world.nobody.post(VIEWS, &view).await.status, 201);
            world.ask(SLOW, &[]).await;
        }
    };
    let moved = async {
        while world.service.tidy().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(stored(0), stored(1), stored(2), moved);
    world.service.tidy().await.expect("the tables are looked after");
    let today = Utc::now().date_naive() - Days::new(3);
    assert_eq!(world.number(&format!("SELECT count(*) FROM page_views_default WHERE created_at > '{today}'")).await, 0);
    assert_eq!(count_of(&world, "/x").await, 60);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_merged_in_slices() {
    let world = World::new().await;
    // As many blocks as were too many for one statement, of one minute; and blocks of many paths.
    world
        .database
        .execute(
            "INSERT INTO paths (path) SELECT '/' || n FROM generate_series(1, 20000) n; \
             CREATE TEMPORARY TABLE made AS SELECT p.id, now() - interval '1 hour' AS at FROM generate_series(1, 5000) n \
                 JOIN paths p ON p.path = '/' || (1 + n % 50); \
             INSERT INTO page_views (path_id, created_at, event_id) SELECT id, at, gen_random_uuid() FROM made; \
             SELECT add_to_rollups(ARRAY[date_bin('1 minute', at, 'epoch')], ARRAY[id], ARRAY[1::bigint]) FROM made; \
             INSERT INTO page_views (path_id, created_at, event_id) \
                 SELECT p.id, now() - interval '2 hours', gen_random_uuid() FROM paths p, generate_series(1, 3); \
             SELECT add_to_rollups(ARRAY(SELECT date_bin('1 minute', now() - interval '2 hours', 'epoch') FROM paths), \
                 ARRAY(SELECT id FROM paths ORDER BY id), ARRAY(SELECT 1::bigint FROM paths)) FROM generate_series(1, 3)",
        )
        .await;
    assert!(world.number("SELECT count(*) FROM view_rollups").await > 35_000);
    // A delay must not make it wrong, or a request fail.
    let before = world.ask(SLOW, &[("limit", "100")]).await;
    assert_eq!(world.ask(OPTIMIZED, &[("limit", "100")]).await, before);
    // A machine on which more than so many at once time out.
    world
        .database
        .execute(
            "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF (SELECT count(*) FROM gone) > 300 THEN RAISE EXCEPTION 'too long' USING ERRCODE = '57014'; END IF; \
                 RETURN NULL; END $$; \
             CREATE TRIGGER be_slow AFTER DELETE ON view_rollups \
                 REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION be_slow()",
        )
        .await;
    world.service.merge_counts().await.expect("counts are merged");
    assert_eq!(world.number("SELECT count(*) FROM view_rollups WHERE NOT merged").await, 0);
    assert!(world.number("SELECT count(*) FROM view_rollups").await < 60);
    world.verify().await;
    world.service.changed();
    assert_eq!(world.ask(OPTIMIZED, &[("limit", "100")]).await, before);
}
