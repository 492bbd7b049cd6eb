//! What a process reports about its Postgres and Redis.

// A request is many nested futures, and nothing between them and the test.
#![recursion_limit = "256"]

mod demo;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use platform::Watch;
use platform::http::{App, Description, Readiness};
use platform::settings::{DatabaseSettings, RedisSettings};
use testkit::{TestDatabase, TestRedis};
use tokio_util::sync::CancellationToken;

fn demo_app() -> App {
    let description = Description { service: "demo".into(), version: "1".into(), document: demo::DOCUMENT };
    App::new(description, demo::router(), &testkit::settings(&[]), Readiness::default())
}

async fn text_of(app: &App) -> String {
    let request = Request::get("/metrics").body(Body::empty()).expect("a request");
    let bytes = to_bytes(app.handle(request).await.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The metrics after both servers were polled.
async fn measured(database: &DatabaseSettings, redis: &RedisSettings) -> String {
    let app = demo_app();
    let watch = Watch::new(database, redis, "test").expect("URLs");
    watch.register(app.metrics());
    let end = CancellationToken::new();
    let asking = tokio::spawn({
        let end = end.clone();
        async move { watch.run(end).await }
    });
    let looked = async {
        loop {
            let text = text_of(&app).await;
            if text.contains("\npostgres_up ") {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(30), looked).await.expect("everybody was asked");
    end.cancel();
    asking.await.expect("it ends");
    text
}

fn number(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn servers_that_answer_are_up_and_tell_how_they_are() {
    let (database, redis) = (TestDatabase::new().await, TestRedis::new());
    let text = measured(&database.settings(), &redis.settings()).await;
    assert_eq!(number(&text, "postgres_up"), Some(1.0), "{text}");
    for name in [
        "postgres_probe_duration_seconds",
        "postgres_connections",
        "postgres_connections_limit",
        "postgres_database_size_bytes",
    ] {
        assert!(number(&text, name).is_some_and(|value| value > 0.0), "{name}: {text}");
    }
    for name in ["postgres_oldest_transaction_age_seconds", "postgres_deadlocks_total"] {
        assert!(number(&text, name).is_some_and(|value| value >= 0.0), "{name}: {text}");
    }
    assert_eq!(number(&text, r#"redis_up{purpose="queue"}"#), Some(1.0), "{text}");
    let used = number(&text, r#"redis_memory_used_bytes{purpose="queue"}"#);
    assert!(used < number(&text, r#"redis_memory_limit_bytes{purpose="queue"}"#), "{text}");
    assert!(!text.contains(r#"purpose="cache""#), "{text}");
}

#[tokio::test]
async fn servers_that_do_not_answer_are_down() {
    let redis = ["--redis-url", "redis://127.0.0.1:1", "--cache-redis-url", "redis://127.0.0.1:2"];
    let database: DatabaseSettings = testkit::settings(&["--database-url", "postgresql://x@127.0.0.1:1/x"]);
    let text = measured(&database, &testkit::settings(&redis)).await;
    assert_eq!(number(&text, "postgres_up"), Some(0.0), "{text}");
    assert_eq!(number(&text, "postgres_connections"), None, "what is not known is not told: {text}");
    for purpose in ["queue", "cache"] {
        assert_eq!(number(&text, &format!(r#"redis_up{{purpose="{purpose}"}}"#)), Some(0.0), "{text}");
    }
}

#[tokio::test]
async fn a_process_without_redis_tells_nothing_of_one() {
    let database: DatabaseSettings = testkit::settings(&["--database-url", "postgresql://x@127.0.0.1:1/x"]);
    let text = measured(&database, &testkit::settings(&["--redis-url", ""])).await;
    assert!(!text.contains("redis_"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_same_whoever_asks_is_told_once() {
    let (database, redis) = (TestDatabase::new().await, TestRedis::new());
    let watches: Vec<Watch> =
        (0..3).map(|_| Watch::new(&database.settings(), &redis.settings(), "test").expect("URLs")).collect();
    let apps: Vec<App> = watches.iter().map(|_| demo_app()).collect();
    let ends: Vec<CancellationToken> = watches.iter().map(|_| CancellationToken::new()).collect();
    for ((watch, app), end) in watches.iter().zip(&apps).zip(&ends) {
        watch.register(app.metrics());
        let (watch, end) = (watch.clone(), end.clone());
        tokio::spawn(async move { watch.run(end).await });
    }
    let telling = |texts: &[String], name: &str| texts.iter().filter(|text| text.contains(name)).count();
    let mut left: Vec<usize> = vec![0, 1, 2];
    // Also after the reporter has ended.
    while left.len() > 1 {
        let looked = async {
            loop {
                let mut texts = Vec::new();
                for at in &left {
                    texts.push(text_of(&apps[*at]).await);
                }
                if telling(&texts, "\npostgres_up 1") == left.len() && telling(&texts, "\npostgres_connections ") > 0 {
                    return texts;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let texts = tokio::time::timeout(Duration::from_secs(60), looked).await.expect("somebody tells");
        for name in [
            "postgres_connections ",
            "postgres_database_size_bytes ",
            "redis_memory_used_bytes{",
            "redis_connected_clients{",
        ] {
            assert_eq!(telling(&texts, &format!("\n{name}")), 1, "{name}");
        }
        let teller = texts.iter().position(|text| text.contains("\npostgres_connections ")).expect("one of them");
        ends[left.remove(teller)].cancel();
    }
}
