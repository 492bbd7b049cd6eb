//! Postgres and Redis that respond and accept no writes: what readiness, metrics, pools and requests say of each such state.

// A request is many nested futures, and nothing between them and the test.
#![recursion_limit = "256"]

mod demo;

use std::time::Duration;

use contract::Problem;
use deadpool_redis::redis::{self, cmd};
use platform::http::{Description, Readiness};
use platform::settings::{DatabaseSettings, RedisSettings};
use platform::{Cache, Database, Transaction, Watch};
use sqlx::{Connection as _, Executor as _};
use testkit::TestServer;
use testkit::system::{Plan, System};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What has not happened after this long never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service with servers of its own, which nobody else minds.
struct World {
    system: System,
    db: Database,
    cache: Cache,
    server: TestServer,
    _end: DropGuard,
}

impl World {
    async fn new(name: &'static str) -> Self {
        let system = System::prepare(&Plan::new(name)).await;
        let url = system.servers.database_url().expect("Postgres");
        let database: DatabaseSettings = testkit::settings(&["--database-url", &url]);
        platform::migrate::run(&database, platform::settings::Environment::Development).await.expect("migrates");
        let url = system.servers.redis_url().expect("Redis");
        // The servers share two cores with other tests.
        let redis: RedisSettings = testkit::settings(&["--redis-url", &url, "--redis-timeout-ms", "2000"]);
        let db = Database::new(&database, "test").expect("settings");
        let cache = Cache::new(&redis, "").expect("a URL").expect("a Redis");
        let watch = Watch::new(&database, &redis, "test").expect("URLs");
        let needs = Readiness {
            database: Some(db.clone()),
            cache: Some(cache.clone()),
            watch: Some(watch.clone()),
            ..Readiness::default()
        };
        let description = Description { service: "demo".into(), version: "1".into(), document: demo::DOCUMENT };
        let server =
            TestServer::start_with(description, demo::router(), needs, &[], |app| watch.register(app.metrics()));
        let end = CancellationToken::new();
        tokio::spawn({
            let end = end.clone();
            async move { watch.run(end).await }
        });
        Self { system, db, cache, server, _end: end.drop_guard() }
    }

    async fn sql(&self, statement: &'static str) {
        let url = self.system.servers.database_url().expect("Postgres");
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("Postgres answers");
        connection.execute(statement).await.expect("the statement runs");
    }

    async fn redis(&self, words: &[&str]) {
        cmd(words[0]).arg(&words[1..]).query_async::<redis::Value>(&mut self.system.redis().await).await.expect("done");
    }

    /// Waits until readiness says so, and metrics have the line.
    async fn comes_to(&self, status: &str, server: &str, state: &str, metric: &str) {
        let seen = async {
            loop {
                let report = self.server.client().get("/health/ready").await.expect(200);
                let metrics = self.server.client().get("/metrics").await.text;
                if report["status"] == status && report[server] == state && metrics.lines().any(|line| line == metric) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let what = format!("{status}, {server}: {state}, {metric}");
        if tokio::time::timeout(PATIENCE, seen).await.is_err() {
            let report = self.server.client().get("/health/ready").await;
            panic!("not {what}: {}\n{}", report.text, self.server.client().get("/metrics").await.text);
        }
    }

    async fn write(&self) -> Result<(), Problem> {
        let insert = |mut tx: Transaction| async move {
            sqlx::query("INSERT INTO written DEFAULT VALUES").execute(&mut *tx).await?;
            Ok(())
        };
        self.db.write(insert).await.map_err(Problem::from)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_takes_no_writes_is_read_and_told() {
    let world = World::new("read-only-postgres").await;
    world.sql("CREATE TABLE written (id serial)").await;
    world.comes_to("ok", "database", "ok", "postgres_writable 1.0").await;
    world.write().await.expect("it is written");

    // No connection is cut: the one that is open becomes read-only, and those that are opened are.
    world.sql("ALTER DATABASE app SET default_transaction_read_only = on").await;
    let demote = |mut tx: Transaction| async move {
        sqlx::query("SET SESSION default_transaction_read_only = on").execute(&mut *tx).await?;
        Ok(())
    };
    world.db.write(demote).await.expect("it is set");
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-watch'").await;
    let refused = async {
        loop {
            if let Err(problem) = world.write().await {
                return problem;
            }
        }
    };
    let problem = tokio::time::timeout(PATIENCE, refused).await.expect("writes are refused");
    assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    // Of connections that were opened since, too.
    for _ in 0..20 {
        let problem = world.write().await.expect_err("it is read-only");
        assert_eq!((problem.status().as_u16(), problem.code()), (503, "database_unavailable"));
    }
    world.db.ping().await.expect("reads go on");
    world.comes_to("degraded", "database", "read_only", "postgres_writable 0.0").await;
    world.comes_to("degraded", "database", "read_only", r#"postgres_state{state="read_only"} 1"#).await;

    world.sql("BEGIN READ WRITE; ALTER DATABASE app RESET default_transaction_read_only; COMMIT").await;
    let accepted = async { while world.write().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(5), accepted).await.expect("writes are accepted at once");
    world.comes_to("ok", "database", "ok", "postgres_writable 1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_writes_is_told_by_its_state() {
    let world = World::new("read-only-redis").await;
    world.comes_to("ok", "redis", "ok", r#"redis_up{purpose="queue"} 1.0"#).await;
    let states: [(&str, &[&str], &[&str]); 3] = [
        ("read_only", &["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]),
        ("full", &["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
        (
            "misconfigured",
            &["CONFIG", "SET", "min-replicas-to-write", "3"],
            &["CONFIG", "SET", "min-replicas-to-write", "0"],
        ),
    ];
    for (state, begin, end) in states {
        world.redis(begin).await;
        world.comes_to("degraded", "redis", state, r#"redis_up{purpose="queue"} 0.0"#).await;
        let metric = format!(r#"redis_state{{purpose="queue",state="{state}"}} 1"#);
        world.comes_to("degraded", "redis", state, &metric).await;
        world.redis(end).await;
        world.comes_to("ok", "redis", "ok", r#"redis_up{purpose="queue"} 1.0"#).await;
    }
    // Connections that are open stay authenticated.
    let mut admin = world.system.redis().await;
    for words in ["CONFIG SET requirepass another", "CLIENT KILL TYPE normal SKIPME yes"] {
        let mut words = words.split(' ');
        let mut command = cmd(words.next().expect("a command"));
        command.arg(words.collect::<Vec<_>>()).query_async::<redis::Value>(&mut admin).await.expect("done");
    }
    world.comes_to("degraded", "redis", "refused", r#"redis_state{purpose="queue",state="refused"} 1"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_redis_that_was_demoted_are_not_used_again() {
    let world = World::new("demoted-redis").await;
    let id = async || {
        let mut connection = world.cache.connection().await.expect("a connection");
        cmd("CLIENT").arg("ID").query_async::<i64>(&mut connection).await.expect("an id")
    };
    let first = id().await;
    assert_eq!(id().await, first, "it is used again");
    world.redis(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let changed = async { while id().await == first {} };
    tokio::time::timeout(PATIENCE, changed).await.expect("the address is asked for again");
}
