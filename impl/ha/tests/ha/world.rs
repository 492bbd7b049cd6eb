//! The whole system: a cluster of Postgres, a route to it, a Redis, and a process of each service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ha::{ClusterPlan, PostgresCluster, RedisServer, Site};
use sqlx::{Connection as _, PgConnection};
use testkit::deployment::Deployment;
use testkit::process::Process;

use crate::route::Route;

/// The roles of the processes; the worker decides on orders.
const ROLES: [&str; 4] = ["tasks", "shop", "worker", "analytics"];
/// The run may be longer than a token is usually valid, and nothing here is about limits.
const ENVIRONMENT: [(&str, &str); 3] =
    [("ACCESS_TOKEN_EXPIRE_MINUTES", "600"), ("RATE_LIMITS", "off"), ("DATABASE_ACQUIRE_TIMEOUT_MS", "1000")];

/// A running system. Everything ends when this is dropped.
pub struct World {
    // Processes before the servers they use.
    pub processes: Vec<Process>,
    pub deployment: Deployment,
    pub route: Route,
    pub cluster: PostgresCluster,
    _redis: RedisServer,
    pub site: Arc<Site>,
}

impl World {
    /// Starts everything and waits until it is ready.
    pub async fn start(name: &str, plan: &ClusterPlan) -> Self {
        let site = Arc::new(Site::new(name).expect("the programs are there"));
        let redis = RedisServer::start(&site, "redis", "").expect("Redis starts");
        let cluster = PostgresCluster::start(&site, plan).await.expect("a cluster starts");
        let route = Route::start(&site, &cluster);
        let logs = Path::new("ha").join(name).join("processes");
        let deployment = Deployment::new(&logs, (&route.direct(), &redis.url()), &ENVIRONMENT);
        cluster.writable(Duration::from_secs(30)).await.expect("a primary");
        wait_for(&route).await;
        deployment.migrate().await;
        let url = route.url();
        let process = |role: &&'static str| deployment.process(role, role, &[("DATABASE_URL", &*url)]);
        let processes = ROLES.iter().map(process).collect();
        let mut world = Self { processes, deployment, route, cluster, _redis: redis, site };
        world.processes.iter_mut().for_each(Process::start);
        for process in &mut world.processes {
            process.ready().await;
        }
        world
    }

    /// The base URL of a service.
    pub fn url(&self, role: &str) -> String {
        let found = ROLES.iter().position(|known| *known == role).expect("a role");
        self.processes[found].url()
    }

    /// The last lines of every process.
    pub fn tails(&self) -> String {
        self.processes.iter().map(Process::tail).collect::<Vec<_>>().join("\n\n")
    }
}

/// Until its first checks HAProxy takes every machine for the primary, and in turn: it knows better once six connections lead to the
/// primary one after the other.
async fn wait_for(route: &Route) {
    let mut in_a_row = 0;
    for _ in 0..100 {
        in_a_row = if leads_to_primary(&route.direct()).await { in_a_row + 1 } else { 0 };
        if in_a_row == 6 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("HAProxy finds no primary");
}

async fn leads_to_primary(url: &str) -> bool {
    let Ok(mut connection) = PgConnection::connect(url).await else { return false };
    sqlx::query_scalar("SELECT NOT pg_is_in_recovery()").fetch_one(&mut connection).await.unwrap_or(false)
}
