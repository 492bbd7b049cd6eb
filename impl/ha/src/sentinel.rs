//! Redis with Sentinel: a primary, two replicas, three sentinels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use deadpool_redis::redis::{RedisResult, cmd};

use crate::cluster_plan::PASSWORD;
use crate::redis_server::RedisServer;
use crate::site::Site;
use crate::until;

/// The name of the primary that sentinels are asked for.
const NAME: &str = "main";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running group.
pub struct Sentinel {
    /// The primary and its replicas; which is which changes.
    pub servers: Vec<RedisServer>,
    /// The sentinels.
    pub sentinels: Vec<RedisServer>,
}

impl Sentinel {
    /// Starts it, and waits until the sentinels know each other and the replicas.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>) -> Result<Self> {
        let first = RedisServer::start(site, "redis-1", "")?;
        let port = first.address().port();
        let mut servers = vec![first];
        for name in ["redis-2", "redis-3"] {
            servers.push(RedisServer::start(site, name, &format!("replicaof 127.0.0.1 {port}"))?);
        }
        let settings = format!(
            "sentinel monitor {NAME} 127.0.0.1 {port} 2\nsentinel auth-pass {NAME} {PASSWORD}\n\
             sentinel down-after-milliseconds {NAME} 2000\nsentinel failover-timeout {NAME} 6000"
        );
        let start = |n| RedisServer::sentinel(site, &format!("sentinel-{n}"), &settings);
        let sentinels = (1..=3).map(start).collect::<Result<_>>()?;
        let group = Self { servers, sentinels };
        group.complete().await?;
        Ok(group)
    }

    /// Waits until each sentinel knows the others, and two replicas that are up.
    ///
    /// # Errors
    /// When that is not so in time.
    pub async fn complete(&self) -> Result<()> {
        until("each sentinel knows the others and two replicas", START_TIMEOUT, async || self.is_complete().await).await
    }

    async fn is_complete(&self) -> bool {
        for sentinel in &self.sentinels {
            for (what, count) in [("SENTINELS", 2), ("REPLICAS", 2)] {
                let known: RedisResult<Vec<HashMap<String, String>>> =
                    sentinel.ask(cmd("SENTINEL").arg(what).arg(NAME)).await;
                // Others are "s_down", "disconnected".
                let is_up = |entry: &&HashMap<String, String>| matches!(entry["flags"].as_str(), "sentinel" | "slave");
                if known.is_ok_and(|known| known.iter().filter(is_up).count() == count) {
                    continue;
                }
                return false;
            }
        }
        true
    }

    /// The primary, as a sentinel tells.
    ///
    /// # Errors
    /// When no sentinel responds.
    pub async fn primary(&self) -> Result<usize> {
        for sentinel in &self.sentinels {
            let answer: RedisResult<(String, u16)> =
                sentinel.ask(cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(NAME)).await;
            if let Ok((_, port)) = answer {
                let found = self.servers.iter().position(|server| server.address().port() == port);
                return found.context("the primary is none of ours");
            }
        }
        anyhow::bail!("no sentinel answers")
    }

    /// Has the sentinels turn to another primary, in an orderly way; returns once they name another.
    ///
    /// # Errors
    /// When they do not.
    pub async fn failover(&self) -> Result<()> {
        let old = self.primary().await?;
        self.sentinels[0].ask::<()>(cmd("SENTINEL").arg("FAILOVER").arg(NAME)).await?;
        self.other_than(old).await
    }

    /// Waits until the sentinels name another primary.
    ///
    /// # Errors
    /// When they do not in time.
    pub async fn other_than(&self, old: usize) -> Result<()> {
        let another = async || self.primary().await.is_ok_and(|primary| primary != old);
        until("another primary of Redis", START_TIMEOUT, another).await
    }

    /// The addresses of the sentinels, `host:port,host:port`.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(|sentinel| sentinel.address().to_string()).collect();
        addresses.join(",")
    }

    /// The name under which the sentinels know the primary.
    pub fn name(&self) -> &'static str {
        NAME
    }
}
