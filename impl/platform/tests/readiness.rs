//! Readiness: Postgres responds and has the schema. Redis is optional.

mod demo;

use std::time::Duration;

use contract::Problem;
use futures_util::future::join_all;
use platform::http::{Description, Readiness};
use platform::{Cache, Database, Error, Jobs};
use testkit::{Fault, FaultProxy, TestDatabase, TestServer};

fn start(database: Option<Database>, cache: Option<Cache>) -> TestServer {
    start_with(Readiness { database, cache, ..Readiness::default() })
}

fn start_with(needs: Readiness) -> TestServer {
    let description = Description { service: "demo".into(), version: "1.2.3".into(), document: demo::DOCUMENT };
    TestServer::start(description, demo::router(), needs, &[])
}

fn absent_redis() -> Option<Cache> {
    Cache::new(&testkit::settings(&["--redis-url", "redis://127.0.0.1:1/0"]), "test:").expect("a URL")
}

#[tokio::test]
async fn a_migrated_database_is_enough() {
    let test = TestDatabase::new().await;
    let db = Database::new(&test.settings(), "test").expect("settings");
    let server = start(Some(db), absent_redis());
    let report = server.client().get("/health/ready").await.expect(200);
    assert_eq!(
        report,
        serde_json::json!({"status": "degraded", "database": "ok", "migrations": "ok", "redis": "unavailable"})
    );
    let metrics = server.client().get("/metrics").await.text;
    assert!(metrics.contains(r#"db_client_connection_max{db_client_connection_pool_name="reads"} 6"#), "{metrics}");
    assert!(
        metrics.contains(
            r#"db_client_connections{db_client_connection_pool_name="writes",db_client_connection_state="idle"} 0"#
        ),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_empty_database_is_not() {
    let test = TestDatabase::empty().await;
    let db = Database::new(&test.settings(), "test").expect("settings");
    let server = start(Some(db.clone()), None);
    let report = server.client().get("/health/ready").await.expect(503);
    assert_eq!(report, serde_json::json!({"status": "unavailable", "database": "ok", "migrations": "pending"}));
    // Requests before the first probe get 503, too; what is missing later is an internal error.
    let missing = async || {
        let failed = sqlx::query("SELECT nothing FROM nowhere").execute(db.reads()).await;
        Problem::from(Error::from(failed.expect_err("there is no such table")))
    };
    let problem = missing().await;
    assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    platform::migrate::run(&test.settings(), platform::settings::Environment::Development).await.expect("migrates");
    assert_eq!(server.client().get("/health/ready").await.expect(200)["status"], "ok");
    assert_eq!(missing().await.code(), "internal_error");
}

#[tokio::test]
async fn a_database_that_is_away_is_not_death() {
    let away = testkit::settings(&["--database-url", "postgresql://nobody@127.0.0.1:1/none"]);
    let server = start(Some(Database::new(&away, "test").expect("settings")), None);
    let report = server.client().get("/health/ready").await;
    assert_eq!(report.header("retry-after"), "1");
    assert_eq!(report.expect(503)["database"], "unavailable");
    server.client().get("/health").await.expect(200);
}

/// Separate checks would wait for the only connection, and most of them would time out; so would the background.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_are_one_question() {
    let test = TestDatabase::new().await;
    let proxy = FaultProxy::start(test.url()).await;
    let flags =
        ["--database-url", proxy.url(), "--database-read-pool-size", "1", "--database-acquire-timeout-ms", "9000"];
    let server = start(Some(Database::new(&testkit::settings(&flags), "test").expect("settings")), None);
    while server.client().get("/health/ready").await.status != 200 {}
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    let answers = join_all((0..200).map(async |_| server.client().get("/health/ready").await.status.as_u16())).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}

#[tokio::test]
async fn redis_keys_carry_their_prefix() {
    let cache = absent_redis().expect("a URL was given");
    assert_eq!(cache.key("top-paths"), "test:top-paths");
    let asked = std::time::Instant::now();
    assert!(cache.probe().await.is_err());
    assert!(asked.elapsed() < std::time::Duration::from_secs(1));
    assert!(Cache::new(&testkit::settings(&["--redis-url", ""]), "").expect("none is fine").is_none());
    assert!(Cache::new(&testkit::settings(&["--redis-url", "http://x"]), "").is_err());
}

#[tokio::test]
async fn who_stands_still_is_not_ready() {
    let jobs = Jobs::with_patience(Duration::from_millis(400));
    let (hourly, often) =
        (jobs.job("hourly", Duration::from_secs(3_600)), jobs.job("often", Duration::from_millis(100)));
    let server = start_with(Readiness { jobs: vec![jobs.clone()], ..Readiness::default() });
    let report = async |status| server.client().get("/health/ready").await.expect(status);
    assert_eq!(report(200).await, serde_json::json!({"status": "ok"}));
    for _ in 0..3 {
        hourly.failed("it is broken");
        often.failed("it is broken");
    }
    let metrics = server.client().get("/metrics").await.text;
    assert!(metrics.contains(r#"background_job_failures_total{task="often"} 3"#), "{metrics}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    // The other one has an hour.
    let still = serde_json::json!({"status": "unavailable", "standing_still": ["often"]});
    assert_eq!(report(503).await, still);
    let metrics = server.client().get("/metrics").await.text;
    assert!(metrics.contains(r#"background_job_overdue_seconds{task="hourly"} 0"#), "{metrics}");
    assert!(!metrics.contains(r#"background_job_overdue_seconds{task="often"} 0.0"#), "{metrics}");
    assert!(metrics.contains(r#"background_job_last_success_timestamp_seconds{task="often"}"#), "{metrics}");
    // A job that restarts has not succeeded yet.
    drop(jobs.job("often", Duration::from_millis(100)));
    assert_eq!(report(503).await, still);
    often.succeeded();
    assert_eq!(report(200).await, serde_json::json!({"status": "ok"}));
}
