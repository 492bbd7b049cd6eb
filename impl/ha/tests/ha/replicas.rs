//! Reads from replicas that are behind: whoever wrote always reads it, and the rest leaves the primary.

use std::time::Duration;

use ha::ClusterPlan;
use serde_json::json;
use sqlx::Executor as _;
use testkit::process::Process;
use testkit::scale::size;
use tokio::task::JoinSet;

use crate::world::World;

/// How far behind the replicas are.
const DELAY: &str = "500ms";
const CLIENTS: usize = 4;
/// Reads for each write.
const READS: usize = 5;

/// A metric's sum.
async fn metric(process: &Process, name: &str) -> f64 {
    let text = testkit::Client::new(process.url()).get("/metrics").await.text;
    text.lines()
        .filter(|line| line.starts_with(name))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wrote_reads_it_and_the_rest_leaves_the_primary() {
    let plan = ClusterPlan { synchronous: false, strict: false, ..ClusterPlan::default() };
    let world = World::start("replicas", &plan).await;
    let primary = world.cluster.primary().await.expect("a primary");
    let replicas: Vec<_> = (0..world.cluster.nodes.len()).filter(|node| *node != primary).collect();
    for replica in &replicas {
        let mut superuser = world.cluster[*replica].connect("postgres").await.expect("connects");
        superuser
            .execute(sqlx::AssertSqlSafe(format!("ALTER SYSTEM SET recovery_min_apply_delay = '{DELAY}'")))
            .await
            .expect("set");
        superuser.execute("SELECT pg_reload_conf()").await.expect("reloaded");
    }
    let places: Vec<_> = replicas.iter().map(|replica| world.cluster[*replica].postgres().to_string()).collect();
    let read_url = ha::PostgresCluster::url(&places.join(","));
    // Two processes: what one writes, the other reads. As the owner, since replicas have the same logins.
    let url = world.route.direct();
    let settings =
        [("DATABASE_URL", &*url), ("DATABASE_READ_URL", &*read_url), ("DATABASE_REPLICA_MAX_LAG_MS", "2000")];
    let mut processes =
        ["replica-reader", "replica-writer"].map(|name| world.deployment.process("tasks", name, &settings));
    processes.iter_mut().for_each(Process::start);
    for process in &mut processes {
        process.ready().await;
    }
    let [reader, writer] = &processes;
    let login = "/api/v1/auth/login/access-token";
    // Redis has to have remembered for as long as replicas may be behind, and clocks differ.
    let quiet = testkit::Client::new(reader.url()).login(login, "admin@example.com", "admin").await;
    quiet.get("/api/v1/projects?limit=5").await.expect(200);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let nobody = testkit::Client::new(writer.url());
        let email = format!("replica-{client}@example.com");
        nobody
            .post("/api/v1/auth/signup", &json!({"email": email, "password": "a good password", "full_name": "Ada"}))
            .await
            .expect(200);
        let to_write = nobody.login(login, &email, "a good password").await;
        let to_read = testkit::Client::new(reader.url()).login(login, &email, "a good password").await;
        clients.spawn(async move {
            for round in 0..size(50, 10_000 / CLIENTS) {
                let title = format!("round {round}");
                let written = to_write.post("/api/v1/projects", &json!({"title": title})).await.expect(201);
                let read = to_read.get(&format!("/api/v1/projects/{}", written["id"])).await;
                assert_eq!(read.status, 200, "what was written is read: {}", read.text);
                let patched =
                    to_write.patch(&format!("/api/v1/projects/{}", written["id"]), &json!({"title": "changed"})).await;
                assert_eq!(patched.status, 200, "{}", patched.text);
                let read = to_read.get(&format!("/api/v1/projects/{}", written["id"])).await;
                assert_eq!(read.json["title"], "changed");
            }
        });
    }
    clients.join_all().await;
    // Whoever has not written for a moment reads from replicas.
    let before = metric(reader, "postgres_replica_reads_total{server=\"replica\"").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let total = 20 * READS;
    for _ in 0..total {
        quiet.get("/api/v1/projects?limit=5").await.expect(200);
    }
    let served = metric(reader, "postgres_replica_reads_total{server=\"replica\"").await - before;
    let fell_back = metric(reader, "postgres_replica_reads_total{server=\"primary\"").await;
    println!(
        "{served} of {total} reads of one who did not write came from replicas; {fell_back} fell back to the primary in all"
    );
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let share = served / total as f64;
    assert!(share > 0.9, "only {share} of the reads left the primary");
    // Replicas that are gone are not missed.
    for replica in &replicas {
        world.cluster[*replica].freeze();
    }
    for _ in 0..20 {
        quiet.get("/api/v1/projects?limit=5").await.expect(200);
    }
    for replica in &replicas {
        world.cluster[*replica].thaw();
    }
    for process in &mut processes {
        assert_eq!(process.stop().await.code(), Some(0));
    }
}
