//! A commit that waits for a synchronous standby that is gone: nothing is acknowledged, and the server keeps connections for others.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ha::{PostgresCluster, PostgresServer, RedisServer, Site};
use sqlx::{Executor as _, PgConnection};
use testkit::deployment::Deployment;
use tokio::task::JoinSet;

use crate::orders::Shop;
use crate::record::{Outcome, Record};

/// Requests at once; each would have a session of the server for ever.
const ORDERS: usize = 40;
const POOL: &str = "4";

async fn set_standby(superuser: &mut PgConnection, name: &str) {
    let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
    superuser.execute(sqlx::AssertSqlSafe(set)).await.expect("set");
    superuser.execute("SELECT pg_reload_conf()").await.expect("reloaded");
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_standby_nothing_is_acknowledged_and_no_connection_is_lost() {
    let site = Arc::new(Site::new("standby").expect("the programs are there"));
    let postgres = PostgresServer::start(&site, "postgres", None).await.expect("Postgres starts");
    let redis = RedisServer::start(&site, "redis", "").expect("Redis starts");
    let database = PostgresCluster::url(&postgres.address().to_string());
    let environment =
        [("RATE_LIMITS", "off"), ("DATABASE_WRITE_POOL_SIZE", POOL), ("DATABASE_ACQUIRE_TIMEOUT_MS", "1000")];
    let deployment = Deployment::new(Path::new("ha/standby/processes"), (&database, &redis.url()), &environment);
    deployment.migrate().await;
    let mut process = deployment.process("shop", "shop", &[]);
    process.start();
    process.ready().await;
    let (shop, record) = (Shop::open(process.url()).await, Record::default());
    let mut superuser = postgres.superuser().await.expect("connects");
    set_standby(&mut superuser, "gone").await;

    let mut orders = JoinSet::new();
    for n in 0..ORDERS {
        let (shop, record) = (shop.clone(), record.clone());
        orders.spawn(async move { shop.order(&record, &format!("key-{n}")).await });
    }
    // Those that wait are ended by somebody, as operators do: Postgres says that they are committed, and warns.
    tokio::time::sleep(Duration::from_secs(4)).await;
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut superuser).await.expect("counts");
    assert!(waiting > 0, "commits wait");
    superuser
        .execute("SELECT pg_cancel_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 2) AS waiting")
        .await
        .expect("cancelled");
    let outcomes = orders.join_all().await;
    let acknowledged = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Acked(..))).count();
    assert_eq!(acknowledged, 0, "{}", record.summary());
    assert_eq!(record.unexpected(), Vec::<String>::new(), "503 with Retry-After only");

    // Sessions that were given up still wait: no more of them than the pool has places.
    let of_shop = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop-writes'";
    let sessions: i64 = sqlx::query_scalar(of_shop).fetch_one(&mut superuser).await.expect("counts");
    let places: i64 = POOL.parse().expect("a number");
    assert!((1..=places).contains(&sessions), "{sessions} sessions");
    // Given up once a transaction has had its time, which is longer than that of a request.
    let given_up = Instant::now();
    loop {
        let metrics = testkit::Client::new(process.url()).get("/metrics").await.text;
        let abandoned =
            r#"db_client_connections{db_client_connection_pool_name="writes",db_client_connection_state="abandoned"}"#;
        let line = metrics.lines().find(|line| line.starts_with(abandoned)).expect("a gauge");
        if !line.ends_with(" 0") {
            break;
        }
        assert!(given_up.elapsed() < Duration::from_secs(15), "{line}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // A retry does not acknowledge what is only committed locally, and the standby that comes ends all waiting.
    assert!(!matches!(shop.order(&record, "key-0").await, Outcome::Acked(..)));
    set_standby(&mut superuser, "").await;
    let begun = Instant::now();
    while !matches!(shop.order(&record, "later").await, Outcome::Acked(..)) {
        assert!(begun.elapsed() < Duration::from_secs(15), "{}\n{}", record.summary(), process.tail());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Each key is one order, acknowledged now.
    for n in 0..ORDERS {
        let outcome = shop.order(&record, &format!("key-{n}")).await;
        assert!(matches!(outcome, Outcome::Acked(..)), "key-{n}");
    }
    assert_eq!(deployment.number("SELECT count(*) FROM orders").await, 1 + i64::try_from(ORDERS).expect("few"));
    assert_eq!(process.stop().await.code(), Some(0));
}
