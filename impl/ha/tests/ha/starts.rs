//! What no time mends is told at the start, in words: a server that cannot be trusted, a pooler that mixes sessions, a Redis Cluster. And
//! what can be used is used as it should be: over TLS, and with the limits of its sessions.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use ha::{
    Certificates, OWNER, PASSWORD, PgBouncer, PoolMode, PostgresCluster, PostgresServer, RedisCluster, RedisServer,
    Site,
};
use platform::privileges::{ROLES, role_of};
use sqlx::{Connection as _, PgConnection};
use testkit::deployment::Deployment;
use testkit::process::{Process, ROLE_PASSWORD};

fn url(at: &str, query: &str) -> String {
    PostgresCluster::url(at) + query
}

/// Runs a command of the server, which has half a minute to end.
async fn run(deployment: &Deployment, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let command = deployment.command();
    let mut limited = tokio::process::Command::new("timeout");
    limited.arg("30").arg(command.get_program()).args(arguments).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(environment.iter().copied());
    let Output { status, stdout, stderr } = limited.output().await.expect("it runs");
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_ne!(status.code(), Some(124), "it should have ended by itself: {environment:?}: {said}");
    (status.success(), said)
}

async fn is_rejected(deployment: &Deployment, environment: &[(&str, &str)], why: &str) {
    let port = backends::free_port().expect("a port").to_string();
    let environment = [environment, &[("PORT", &*port)]].concat();
    let (started, said) = run(deployment, &["shop"], &environment).await;
    assert!(!started && said.contains(why), "{environment:?}, {why}: {said}");
    assert!(!said.contains(PASSWORD), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_servers_are_known_by_their_certificates() {
    let site = Arc::new(Site::new("tls").expect("the programs are there"));
    let (own, others) =
        (Certificates::new(&site, "own").expect("made"), Certificates::new(&site, "others").expect("made"));
    let postgres = PostgresServer::start(&site, "postgres", Some(&own)).await.expect("Postgres starts");
    let plain = PostgresServer::start(&site, "plain", None).await.expect("Postgres starts");
    let (redis, tls_port) = RedisServer::start_tls(&site, "redis", &own).expect("Redis starts");
    let (port, root) = (postgres.address().port(), own.authority.display().to_string());
    let full = format!("?sslmode=verify-full&sslrootcert={root}");
    let database = url(&format!("localhost:{port}"), &full);
    let redis_url = format!("rediss://:{PASSWORD}@localhost:{tls_port}/0?ssl_ca_certs={root}");
    let deployment = Deployment::new(Path::new("ha/tls/processes"), (&database, &redis_url), &[]);
    deployment.migrate().await;
    let mut processes = ["tasks", "shop", "worker", "analytics"].map(|role| deployment.process(role, role, &[]));
    processes.iter_mut().for_each(Process::start);
    for process in &mut processes {
        process.ready().await;
        let ready = testkit::Client::new(process.url()).get("/health/ready").await;
        assert_eq!(
            (ready.json["database"].as_str(), ready.json["redis"].as_str()),
            (Some("ok"), Some("ok")),
            "{}",
            ready.text
        );
    }
    let mut superuser = postgres.superuser().await.expect("connects");
    let sessions: (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL",
    )
    .fetch_one(&mut superuser)
    .await
    .expect("counts");
    assert!(sessions.0 >= 8 && sessions.0 == sessions.1, "all of them, encrypted: {sessions:?}");
    let (sound, report) = deployment.verify().await;
    assert!(sound, "{report}");
    for process in &mut processes {
        assert_eq!(process.stop().await.code(), Some(0));
    }

    let wrong = others.authority.display();
    let plain_port = plain.address().port();
    for (database, why) in [
        (url(&format!("localhost:{port}"), &format!("?sslmode=verify-full&sslrootcert={wrong}")), "certificate"),
        (url(&format!("localhost:{port}"), &format!("?sslmode=verify-ca&sslrootcert={wrong}")), "certificate"),
        (url(&format!("127.0.0.1:{port}"), &full), "certificate"),
        (url(&format!("localhost:{port}"), "?sslmode=verify-full&sslrootcert=system"), "certificate"),
        (url(&format!("localhost:{plain_port}"), &full), "does not support TLS"),
        (url(&format!("localhost:{plain_port}"), "?sslmode=require"), "does not support TLS"),
    ] {
        is_rejected(&deployment, &[("DATABASE_URL", &database)], why).await;
        let (migrated, said) = run(&deployment, &["migrate"], &[("DATABASE_URL", &database)]).await;
        assert!(!migrated && said.contains(why), "{database}, {why}: {said}");
    }
    for (redis, why) in [
        (format!("rediss://:{PASSWORD}@localhost:{tls_port}/0?ssl_ca_certs={wrong}"), "certificate"),
        (format!("rediss://:{PASSWORD}@127.0.0.1:{tls_port}/0?ssl_ca_certs={root}"), "certificate"),
        (format!("rediss://:{PASSWORD}@localhost:{tls_port}/0"), "certificate"),
    ] {
        is_rejected(&deployment, &[("DATABASE_URL", &database), ("REDIS_URL", &redis)], why).await;
    }
    drop(redis);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_behind_a_pooler_have_their_limits_or_the_pooler_is_rejected() {
    let site = Arc::new(Site::new("poolers").expect("the programs are there"));
    let postgres = PostgresServer::start(&site, "postgres", None).await.expect("Postgres starts");
    let redis = RedisServer::start(&site, "redis", "").expect("Redis starts");
    let role = |(role, _): &(&str, _)| (role_of(OWNER, role), ROLE_PASSWORD.to_owned());
    let users: Vec<_> = ROLES.iter().map(role).chain([(OWNER.to_owned(), PASSWORD.to_owned())]).collect();
    let pooler = |name: &str, mode, ignored: &str| {
        PgBouncer::start(&site, name, (postgres.address(), mode), &users, ignored).expect("PgBouncer starts")
    };
    // It drops `options`, in which limits could be asked for, or knows no other parameters than its own.
    let poolers =
        [pooler("dropping", PoolMode::Session, "options,extra_float_digits"), pooler("strict", PoolMode::Session, "")];
    for (n, pooler) in poolers.iter().enumerate() {
        let database = url(&pooler.address().to_string(), "");
        let logs = format!("ha/poolers/processes-{n}");
        let deployment = Deployment::new(Path::new(&logs), (&database, &redis.url()), &[]);
        deployment.migrate().await;
        let mut shop = deployment.process("shop", "shop", &[]);
        shop.start();
        shop.ready().await;
        // The limits of the service's sessions, as the server sees them: by what a session of its pools may not do.
        let settings = platform::settings::DatabaseSettings::of_url(&database);
        let db = platform::Database::new(&settings, "test").expect("a URL");
        let limits = "SELECT current_setting('statement_timeout') || ' ' || current_setting('lock_timeout')
                          || ' ' || current_setting('default_transaction_read_only')
                          || ' ' || current_setting('idle_in_transaction_session_timeout')";
        let of_reads: String = sqlx::query_scalar(limits).fetch_one(db.reads()).await.expect("reads");
        assert_eq!(of_reads, "4s 2s on 0");
        let of_writes = db
            .write(move |mut tx| async move { Ok(sqlx::query_scalar::<_, String>(limits).fetch_one(&mut *tx).await?) });
        assert_eq!(of_writes.await.expect("writes"), "4s 2s off 5s");
        let error = sqlx::query("CREATE TABLE mine ()").execute(db.reads()).await.expect_err("it only reads");
        assert_eq!(error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), Some("25006"));
        db.close().await;
        assert_eq!(shop.stop().await.code(), Some(0));
    }

    let transactions = pooler("transactions", PoolMode::Transaction, "options,extra_float_digits");
    let database = url(&transactions.address().to_string(), "");
    let direct = url(&postgres.address().to_string(), "");
    let deployment = Deployment::new(Path::new("ha/poolers/processes"), (&direct, &redis.url()), &[]);
    let why = "gives each transaction another session";
    // Also while others use it.
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(PgConnection::connect(&database).await.expect("connects"));
    }
    let busy = tokio::spawn(async move {
        loop {
            for other in &mut others {
                sqlx::raw_sql("SELECT pg_sleep(0.001)").execute(&mut *other).await.expect("runs");
            }
        }
    });
    is_rejected(&deployment, &[("DATABASE_URL", &database)], why).await;
    busy.abort();
    is_rejected(&deployment, &[("DATABASE_URL", &database)], why).await;
    let (migrated, said) = run(&deployment, &["migrate"], &[("DATABASE_URL", &database)]).await;
    assert!(!migrated && said.contains(why), "{said}");
    let (migrated, said) =
        run(&deployment, &["migrate"], &[("DATABASE_URL", &database), ("MIGRATE_DATABASE_URL", &direct)]).await;
    assert!(migrated, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_cluster_is_rejected() {
    let site = Arc::new(Site::new("redis-cluster-rejected").expect("the programs are there"));
    let cluster = RedisCluster::start(&site).await.expect("a cluster");
    let postgres = PostgresServer::start(&site, "postgres", None).await.expect("Postgres starts");
    let database = url(&postgres.address().to_string(), "");
    let deployment =
        Deployment::new(Path::new("ha/redis-cluster/processes"), (&database, &cluster.nodes[0].url()), &[]);
    deployment.migrate().await;
    is_rejected(&deployment, &[], "Redis Cluster").await;
}
