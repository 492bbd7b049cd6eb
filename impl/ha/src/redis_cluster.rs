//! Redis Cluster: three primaries, each with a replica.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use backends::free_port;
use deadpool_redis::redis::{RedisResult, cmd};
use tokio::task::block_in_place;

use crate::attempts::output;
use crate::cluster_plan::PASSWORD;
use crate::redis_server::RedisServer;
use crate::site::Site;
use crate::until;

const NODES: usize = 6;
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running cluster.
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts it, and waits until every slot is served.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>) -> Result<Self> {
        let start = |n| {
            // By default the bus listens on the node's port plus 10000, which any connection may have been assigned.
            let bus = free_port()?;
            let settings = format!(
                "cluster-enabled yes\ncluster-port {bus}\ncluster-node-timeout 2000\ncluster-replica-validity-factor 0"
            );
            RedisServer::start(site, &format!("redis-cluster-{n}"), &settings)
        };
        let nodes = (1..=NODES).map(start).collect::<Result<Vec<_>>>()?;
        let cluster = Self { nodes };
        let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address().to_string()).collect();
        let mut create = site.programs.command("redis-cli")?;
        create.args(["-a", PASSWORD, "--no-auth-warning", "--cluster", "create"]).args(addresses);
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        block_in_place(|| output(&mut create))?;
        cluster.complete().await?;
        Ok(cluster)
    }

    /// Waits until every node says that every slot is served.
    ///
    /// # Errors
    /// When that is not so in time.
    async fn complete(&self) -> Result<()> {
        until("every slot is served", START_TIMEOUT, async || {
            for node in &self.nodes {
                let info: RedisResult<String> = node.ask(cmd("CLUSTER").arg("INFO")).await;
                if !info.is_ok_and(|info| info.contains("cluster_state:ok")) {
                    return false;
                }
            }
            true
        })
        .await
    }
}
