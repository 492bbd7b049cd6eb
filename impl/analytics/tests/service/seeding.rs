//! Generated page views.

use std::time::{Duration, Instant};

use platform::settings::Environment;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{OPTIMIZED, SEED, SLOW, World};

const JOBS: &str = "/api/p3/analytics/seed-jobs";

#[tokio::test(flavor = "multi_thread")]
async fn all_rows_are_there_with_their_counts() {
    let world = World::new().await;
    // More than one chunk, and twice: the second time paths and partitions exist.
    for round in 1..=2 {
        let answer = world.nobody.post_empty(&format!("{SEED}?rows=30001&unique_paths=20")).await.expect(200);
        assert_eq!(answer, json!({"inserted": 30_001}));
        assert_eq!(world.number("SELECT count(*) FROM page_views").await, round * 30_001);
        world.verify().await;
    }
    let ranking = world.ask(OPTIMIZED, &[("limit", "100")]).await;
    assert_eq!(world.ask(SLOW, &[("limit", "100")]).await, ranking);
    let counts: Vec<i64> = ranking.as_array().expect("a list").iter().filter_map(|row| row["count"].as_i64()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<i64>()), (20, 60_002));
    assert!(counts[0] > 3 * counts[19], "some paths are viewed much more often: {counts:?}");
    let outside = "SELECT count(*) FROM page_views WHERE created_at > now() OR created_at < now() - interval '31 days'";
    assert_eq!(world.number(outside).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM page_views_default").await, 0, "each day has its partition");
    for known in ["country", "user_id", "device", "referrer", "visitor"] {
        let (all, some) = (60_002, world.number(&format!("SELECT count({known}) FROM page_views")).await);
        assert!(some > 0 && some < all, "{known}: {some}");
    }
    let malformed = "SELECT count(*) FROM page_views WHERE visitor !~ '^[0-9a-f]{16}$' OR country !~ '^[A-Z]{2}$'";
    assert_eq!(world.number(malformed).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_paths_than_rows_are_no_trouble() {
    let world = World::new().await;
    let answer = world.nobody.post_empty(&format!("{SEED}?rows=1&unique_paths=10000")).await.expect(200);
    assert_eq!(answer, json!({"inserted": 1}));
    assert_eq!(world.verify().await, 7);
    let answer = world.nobody.post_empty(&format!("{SEED}?rows=3&unique_paths=1")).await.expect(200);
    assert_eq!(answer, json!({"inserted": 3}));
    world.nobody.post_empty(&format!("{SEED}?rows=1000001")).await.expect_invalid("#/rows");
    world.nobody.post_empty(&format!("{SEED}?unique_paths=0")).await.expect_invalid("#/unique_paths");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_tells_how_far_it_is() {
    let world = World::new().await;
    world.nobody.post_empty(&format!("{SEED}?rows=10&unique_paths=2")).await.expect(200);
    let job = world.nobody.get(&format!("{JOBS}/1")).await.expect(200);
    let state = |job: &Value| (job["state"].clone(), job["rows"].clone(), job["inserted"].clone());
    assert_eq!(state(&job), (json!("done"), json!(10), json!(10)));
    world.nobody.get(&format!("{JOBS}/2")).await.expect_problem(404, "seed_job_not_found");
    // One whose process has died, and one in progress: both are reported as running, since the first will be taken over.
    world
        .database
        .execute(
            "INSERT INTO seed_jobs (rows, paths, inserted, updated_at) \
             VALUES (100, 1, 40, now() - interval '2 minutes'), (100, 1, 50, now() - interval '20 seconds')",
        )
        .await;
    assert_eq!(state(&world.nobody.get(&format!("{JOBS}/2")).await.expect(200)).0, "running");
    assert_eq!(world.service.resume_seeds().await.expect("one goes on"), 1);
    let begun = Instant::now();
    while world.nobody.get(&format!("{JOBS}/2")).await.expect(200)["state"] == "running" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is over in the end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let resumed = world.nobody.get(&format!("{JOBS}/2")).await.expect(200);
    assert_eq!(state(&resumed), (json!("done"), json!(100), json!(100)));
    assert_eq!(state(&world.nobody.get(&format!("{JOBS}/3")).await.expect(200)).0, "running");
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 10 + 60);
    world.verify().await;
}

/// On a busy machine large batches time out, and small ones fail now and then.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_through_on_a_busy_machine() {
    let world = World::new().await;
    world
        .database
        .execute(
            "CREATE SEQUENCE seed_attempts; \
             CREATE FUNCTION be_busy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
                 IF (SELECT count(*) FROM fresh) > 4000 THEN RAISE EXCEPTION 'too long' USING ERRCODE = '57014'; END IF; \
                 IF nextval('seed_attempts') % 3 = 0 THEN RAISE EXCEPTION 'not now' USING ERRCODE = '55P03'; END IF; \
                 RETURN NULL; END $$; \
             CREATE TRIGGER be_busy AFTER INSERT ON page_views \
                 REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION be_busy()",
        )
        .await;
    // On a very busy machine it takes longer than the request's deadline.
    let answer = world.nobody.post_empty(&format!("{SEED}?rows=30001&unique_paths=5")).await;
    assert!(matches!(answer.status.as_u16(), 200 | 202), "{}", answer.text);
    let begun = Instant::now();
    while world.nobody.get(&format!("{JOBS}/1")).await.expect(200)["state"] == "running" {
        assert!(begun.elapsed() < Duration::from_secs(120), "it is over in the end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let job = world.nobody.get(&format!("{JOBS}/1")).await.expect(200);
    assert_eq!((&job["state"], &job["inserted"]), (&json!("done"), &json!(30_001)));
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 30_001);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_a_request_may_wait_goes_on_without_it() {
    let world = World::new().await;
    // Seven chunks, two at once: four seconds at least. The process shuts down before.
    let (leaving, service) = (CancellationToken::new(), world.service.clone());
    let running = tokio::spawn({
        let leaving = leaving.clone();
        async move { service.run(leaving).await }
    });
    world
        .database
        .execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; \
             CREATE TRIGGER dawdle BEFORE UPDATE ON seed_jobs FOR EACH STATEMENT EXECUTE FUNCTION dawdle()",
        )
        .await;
    let seed = format!("{SEED}?rows=150001&unique_paths=5");
    let (accepted, ()) = tokio::join!(world.nobody.post_empty(&seed), async {
        while world.number("SELECT count(*) FROM seed_jobs").await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        leaving.cancel();
    });
    running.await.expect("it ends");
    let location = accepted.header("location").to_owned();
    assert_eq!(location, format!("{JOBS}/1"));
    let job = accepted.expect(202);
    assert_eq!((&job["state"], &job["rows"]), (&json!("running"), &json!(150_001)));
    let begun = Instant::now();
    while world.nobody.get(&location).await.expect(200)["state"] == "running" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is over in the end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let job = world.nobody.get(&location).await.expect(200);
    assert_eq!((&job["state"], &job["inserted"]), (&json!("done"), &json!(150_001)));
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 150_001);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_go_on_has_failed() {
    let world = World::new().await;
    world.database.execute("ALTER TABLE view_rollups ADD CHECK (views < 10)").await;
    world.nobody.post_empty(&format!("{SEED}?rows=1000&unique_paths=1")).await.expect_problem(500, "internal_error");
    let job = world.nobody.get(&format!("{JOBS}/1")).await.expect(200);
    assert_eq!((&job["state"], &job["inserted"]), (&json!("failed"), &json!(0)));
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_for_superusers_only() {
    let world = World::of(Environment::Production).await;
    let seed = format!("{SEED}?rows=1");
    world.nobody.post_empty(&seed).await.expect_problem(401, "missing_token");
    let refused = world.user.post_empty(&seed).await.expect_problem(403, "insufficient_scope");
    assert_eq!(refused.header("www-authenticate"), r#"Bearer error="insufficient_scope", scope="superuser""#);
    world.admin.post_empty(&seed).await.expect(200);
    let job = format!("{JOBS}/1");
    world.nobody.get(&job).await.expect_problem(401, "missing_token");
    world.user.get(&job).await.expect_problem(403, "insufficient_scope");
    world.admin.get(&job).await.expect(200);
    assert_eq!(world.number("SELECT count(*) FROM page_views").await, 1);
}
