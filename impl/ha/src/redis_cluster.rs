//! Redis Cluster: three primaries, each with a replica.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
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
    site: Arc<Site>,
}

impl RedisCluster {
    /// Starts it, and waits until every slot is served.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>) -> Result<Self> {
        let settings = "cluster-enabled yes\ncluster-node-timeout 2000\ncluster-replica-validity-factor 0";
        let start = |n| RedisServer::start(site, &format!("redis-cluster-{n}"), settings);
        let nodes = (1..=NODES).map(start).collect::<Result<Vec<_>>>()?;
        let cluster = Self { nodes, site: Arc::clone(site) };
        let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address().to_string()).collect();
        let mut create = cluster.cli("create")?;
        create.args(addresses).args(["--cluster-replicas", "1", "--cluster-yes"]);
        block_in_place(|| output(&mut create))?;
        cluster.complete().await?;
        Ok(cluster)
    }

    /// Waits until every node says that every slot is served.
    ///
    /// # Errors
    /// When that is not so in time.
    pub async fn complete(&self) -> Result<()> {
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

    /// Moves this many slots from one primary to another; returns when they are there.
    ///
    /// # Errors
    /// When they cannot be moved.
    pub async fn reshard(&self, from: usize, to: usize, slots: u16) -> Result<()> {
        let (from, to) = (self.id(from).await?, self.id(to).await?);
        let mut reshard = self.cli("reshard")?;
        reshard.arg(self.nodes[0].address().to_string()).args(["--cluster-from", &from, "--cluster-to", &to]);
        reshard.args(["--cluster-slots", &slots.to_string(), "--cluster-yes"]);
        block_in_place(|| output(&mut reshard))?;
        Ok(())
    }

    async fn id(&self, node: usize) -> Result<String> {
        Ok(self.nodes[node].ask(cmd("CLUSTER").arg("MYID")).await?)
    }

    fn cli(&self, what: &str) -> Result<Command> {
        let mut cli = self.site.programs.command("redis-cli")?;
        cli.args(["-a", PASSWORD, "--no-auth-warning", "--cluster", what]);
        Ok(cli)
    }
}
