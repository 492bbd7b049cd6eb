//! The database is destroyed and restored, by the commands of docs/operations.md as they are written there. Processes of the
//! services run on all the while, which is the worst they can do.

mod history;
mod runbook;

use std::time::{Duration, Instant};

use backends::{Backends, Options, Server};
use deadpool_redis::redis;
use platform::privileges::ROLES;
use platform::settings::RoleSettings;
use serde_json::json;
use services::SERVICES;
use testkit::Client;
use testkit::documents::is_served;
use testkit::process::{Process, ROLE_PASSWORD, program};
use testkit::scale::size;
use testkit::system::{DRAINED, Plan, System, source};
use tokio::task::block_in_place;
use tokio::time::sleep;

use self::history::{Clients, PASSWORD};
use self::runbook::Runbook;

const ENVIRONMENT: &[(&str, &str)] = &[("RATE_LIMITS", "off")];
const VIEWS: &str = "/api/p3/page-views";

async fn start(system: &System, name: &'static str) -> Process {
    let mut process = system.process(name, name, &[]);
    process.start();
    process.ready().await;
    process
}

/// Waits until Postgres says so.
async fn until(system: &System, what: &'static str) {
    let deadline = Instant::now() + DRAINED;
    while !sqlx::query_scalar::<_, bool>(what).fetch_one(&system.db).await.unwrap_or(false) {
        assert!(Instant::now() < deadline, "not within {DRAINED:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_before_a_time_is_restored_and_nothing_later() {
    if !["tasks", "shop", "worker", "analytics"].iter().all(|name| SERVICES.iter().any(|one| one.name == *name)) {
        return;
    }
    let mut system = System::start(&Plan { durable: true, environment: ENVIRONMENT, ..Plan::new("restore") }).await;
    let mut runbook = Runbook::new();
    runbook.carry_out(&system, "archive");
    system.pause(Server::Postgres);
    system.resume(Server::Postgres);
    let (mut tasks, mut shop) = (start(&system, "tasks").await, start(&system, "shop").await);
    let (mut analytics, mut worker) = (start(&system, "analytics").await, start(&system, "worker").await);

    let clients = Clients::start(&system, [tasks.url(), shop.url(), analytics.url()]).await;
    clients.more(size(100, 2_000)).await;
    runbook.carry_out(&system, "back-up");
    clients.more(size(100, 2_000)).await;
    // Orders from now on are pending at that time.
    worker.kill();
    clients.more(size(100, 2_000)).await;
    let asked = Instant::now();
    let time: String =
        sqlx::query_scalar("SELECT clock_timestamp()::text").fetch_one(&system.db).await.expect("a time");
    let answered = Instant::now();
    clients.more(size(100, 2_000)).await;
    let history = clients.stop().await;
    let late = Client::new(tasks.url());
    late.post("/api/v1/auth/signup", &json!({"email": "late@example.com", "password": PASSWORD})).await.expect(200);
    let late = late.login("/api/v1/auth/login/access-token", "late@example.com", PASSWORD).await;
    late.get("/api/v1/users/me").await.expect(200);
    let reporter = Client::new(analytics.url());
    // A restored sequence begins up to 32 numbers later.
    for n in 0..40 {
        reporter.post(VIEWS, &json!({"path": format!("/early-{n}")})).await.expect(201);
    }
    reporter.post(VIEWS, &json!({"path": "/lost"})).await.expect(201);
    let lost = system.number("SELECT id FROM paths WHERE path = '/lost'").await;

    // The disk is lost, and what was archived is there.
    sqlx::query("CREATE TABLE last_segment AS SELECT pg_walfile_name(pg_current_wal_lsn()) AS name")
        .execute(&system.db)
        .await
        .expect("notes it");
    runbook.run(&system, "psql -c 'SELECT pg_switch_wal()'");
    until(&system, "SELECT last_archived_wal >= (SELECT name FROM last_segment) FROM pg_stat_archiver").await;
    system.kill(Server::Postgres);
    runbook.run(&system, "find \"$PGDATA\" -mindepth 1 -delete");

    runbook.set("TIME", &time);
    runbook.carry_out(&system, "restore");
    system.resume(Server::Postgres);
    runbook.carry_out(&system, "restored");
    // Others get the numbers of what is lost before the processes come back to it.
    const OTHERS: &str = "WITH others AS (INSERT INTO paths (path, seen_on) SELECT '/other-' || n, current_date FROM generate_series(1, 200) n RETURNING id)
        SELECT count(*) FROM others";
    system.number(OTHERS).await;
    let path: String = sqlx::query_scalar("SELECT path FROM paths WHERE id = $1")
        .bind(lost)
        .fetch_one(&system.db)
        .await
        .expect("a path");
    assert_ne!(path, "/lost", "its number is another's");
    redis::cmd("FLUSHALL").exec_async(&mut system.redis().await).await.expect("Redis is emptied");
    let pending = system.number("SELECT count(*) FROM orders WHERE status = 'PENDING'").await;
    assert!(pending > 0, "nothing was pending at that time");

    worker.start();
    for process in [&mut tasks, &mut shop, &mut analytics, &mut worker] {
        process.ready().await;
    }
    until(&system, "SELECT NOT EXISTS (SELECT FROM orders WHERE status = 'PENDING')").await;
    // While connections break it may be rejected.
    let deadline = Instant::now() + DRAINED;
    while reporter.post(VIEWS, &json!({"path": "/lost"})).await.status != 201 {
        assert!(Instant::now() < deadline, "no page view within {DRAINED:?}\n{}", analytics.tail());
    }
    const COUNTED: &str = "SELECT count(*) FROM page_views v JOIN paths p ON p.id = v.path_id WHERE p.path";
    assert_eq!(count(&system, &format!("{COUNTED} LIKE '/other-%'")).await, 0, "counted for another path");
    assert!(count(&system, &format!("{COUNTED} = '/lost'")).await >= 1);
    late.get("/api/v1/users/me").await.expect(401);
    history.holds(&system, asked, answered).await;
    let processes = [&tasks, &shop, &analytics, &worker];
    system.comes_to_rest(0, || processes.map(Process::tail).join("\n\n")).await;
    println!("restored to {time}: {history}, {pending} orders were pending");
}

async fn count(system: &System, sql: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&system.db).await.expect("counts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_restored_into_another_server_with_its_roles() {
    if !is_served("tasks") {
        return;
    }
    let system = System::start(&Plan::new("dump")).await;
    let mut runbook = Runbook::new();
    let options = Options {
        source: source(),
        redis: false,
        durable: false,
        ..Options::new(runbook.folder().join("other"), concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local/py"))
    };
    let other = block_in_place(|| Backends::start(&options)).expect("another Postgres");
    let url = other.database_url().expect("Postgres");
    runbook.set("DATABASE_URL", &system.servers.database_url().expect("Postgres"));
    runbook.set("OTHER_DATABASE_URL", &url);
    for (role, _) in ROLES {
        runbook.set(&RoleSettings::variable(role), ROLE_PASSWORD);
    }
    runbook.carry_out_as_operator(&system, &program(), "dump-and-restore");

    // It logs in as its own role, with the role's privileges.
    let mut tasks = system.process("tasks", "other", &[("DATABASE_URL", &url)]);
    tasks.start();
    tasks.ready().await;
    let user = Client::new(tasks.url()).login("/api/v1/auth/login/access-token", "user@example.com", "user").await;
    user.get("/api/v1/users/me").await.expect(200);
}
