//! A Postgres cluster: three machines with Patroni, and etcd.

use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::Executor as _;
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::cluster_plan::{ClusterPlan, OWNER, PASSWORD};
use crate::etcd::Etcd;
use crate::node::Node;
use crate::site::Site;
use crate::until;

const START_TIMEOUT: Duration = Duration::from_secs(90);
/// The timeout of requests to Patroni.
const REST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long Patroni may take until it has done what it was asked for.
const SWITCHOVER_TIMEOUT: Duration = Duration::from_secs(30);

/// A running cluster.
pub struct PostgresCluster {
    /// The machines.
    pub nodes: Vec<Node>,
    /// etcd.
    pub etcd: Etcd,
    http: reqwest::Client,
    synchronous: bool,
}

impl Index<usize> for PostgresCluster {
    type Output = Node;

    fn index(&self, node: usize) -> &Node {
        &self.nodes[node]
    }
}

impl IndexMut<usize> for PostgresCluster {
    fn index_mut(&mut self, node: usize) -> &mut Node {
        &mut self.nodes[node]
    }
}

impl PostgresCluster {
    /// Starts it, with an empty database `app` of the role [`OWNER`], and waits until every replica follows.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(site: &Arc<Site>, plan: &ClusterPlan) -> Result<Self> {
        let etcd = Etcd::start(site, plan.etcd).await?;
        let mut nodes = Vec::new();
        for n in 1..=plan.nodes {
            nodes.push(Node::start(site, &format!("node-{n}"), &etcd, plan).await?);
        }
        let http = reqwest::Client::builder().timeout(REST_TIMEOUT).pool_max_idle_per_host(0).build()?;
        let cluster = Self { nodes, etcd, http, synchronous: plan.synchronous };
        let name = site.logs().display().to_string();
        cluster.healthy(START_TIMEOUT).await.with_context(|| format!("the logs are in {name}"))?;
        cluster.prepare().await?;
        Ok(cluster)
    }

    /// Creates the owner and its database, and the table of [`Node::accepts_writes`].
    async fn prepare(&self) -> Result<()> {
        let mut primary = self[self.primary().await?].connect("postgres").await?;
        let role = format!("CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'");
        let rights = format!("GRANT pg_monitor, pg_signal_backend TO {OWNER}");
        let database = format!("CREATE DATABASE app OWNER {OWNER}");
        let probe = "CREATE TABLE probe (at timestamptz NOT NULL DEFAULT now())".to_owned();
        for sql in [role, rights, database, probe] {
            primary.execute(sqlx::AssertSqlSafe(sql)).await?;
        }
        Ok(())
    }

    /// The URL of the database as its owner, at an address: of a machine, a proxy, a pooler, or several with commas between.
    pub fn url(at: &str) -> String {
        format!("postgresql://{OWNER}:{PASSWORD}@{at}/app")
    }

    /// The machine that says it is the primary, and can be reached.
    ///
    /// # Errors
    /// When there is none.
    pub async fn primary(&self) -> Result<usize> {
        let answers = join_all(self.nodes.iter().map(|node| self.ask(node, "/primary")));
        answers.await.iter().position(|answer| answer.is_some()).context("no machine is the primary")
    }

    /// The first machine but this one that accepts a write, within a time.
    ///
    /// # Errors
    /// When there is none.
    pub async fn other_than(&self, node: usize, patience: Duration) -> Result<usize> {
        self.accepting(|other| other != node, patience).await
    }

    /// The machine that accepts a write, within a time.
    ///
    /// # Errors
    /// When there is none.
    pub async fn writable(&self, patience: Duration) -> Result<usize> {
        self.accepting(|_| true, patience).await
    }

    async fn accepting(&self, candidate: impl Fn(usize) -> bool, patience: Duration) -> Result<usize> {
        let found = async {
            loop {
                let candidates: Vec<_> = (0..self.nodes.len()).filter(|node| candidate(*node)).collect();
                let answers = join_all(candidates.iter().map(|node| self[*node].accepts_writes())).await;
                if let Some(at) = answers.iter().position(|accepts| *accepts) {
                    return candidates[at];
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(patience, found).await.with_context(|| format!("no primary accepts writes within {patience:?}"))
    }

    /// Waits until there is a primary, and every other machine follows it; in synchronous mode one of them so that a commit
    /// waits for it.
    ///
    /// # Errors
    /// When that is not so within the time; with the last state that Patroni told.
    pub async fn healthy(&self, patience: Duration) -> Result<()> {
        let last = std::sync::Mutex::new(String::new());
        let follows = |member: &Value| match member["role"].as_str() {
            Some("leader") => member["state"] == "running",
            Some("sync_standby" | "quorum_standby" | "replica") => member["state"] == "streaming",
            _ => false,
        };
        let all_follow = async || {
            let Ok(primary) = self.primary().await else { return false };
            let Some(cluster) = self.ask(&self[primary], "/cluster").await else { return false };
            *last.lock().expect("nobody panics") = cluster.to_string();
            let members = cluster["members"].as_array().map(Vec::as_slice).unwrap_or_default();
            members.len() == self.nodes.len()
                && members.iter().all(follows)
                && members.iter().any(|member| member["role"] == "leader")
                && (!self.synchronous || members.iter().any(|member| member["role"] == "sync_standby"))
        };
        let waited = until("every machine follows the primary", patience, all_follow).await;
        waited.with_context(|| last.into_inner().expect("nobody panics"))
    }

    /// Asks Patroni for another primary, in an orderly way. Returns the former one, once there is another.
    ///
    /// # Errors
    /// When Patroni rejects it.
    pub async fn switchover(&self) -> Result<usize> {
        let old = self.primary().await?;
        let order = json!({"leader": self[old].name});
        let url = format!("http://{}/switchover", self[old].rest());
        let answer = self.http.post(url).json(&order).timeout(SWITCHOVER_TIMEOUT).send().await?;
        let (status, said) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "switchover from {}: {status} {said}", self[old].name);
        Ok(old)
    }

    /// Kills Patroni and Postgres of the primary; which that was.
    ///
    /// # Errors
    /// When there is none.
    pub async fn kill_primary(&mut self) -> Result<usize> {
        let primary = self.primary().await?;
        block_in_place(|| self[primary].kill())?;
        Ok(primary)
    }

    /// Suspends the primary; which that was.
    ///
    /// # Errors
    /// When there is none.
    pub async fn freeze_primary(&self) -> Result<usize> {
        let primary = self.primary().await?;
        self[primary].freeze();
        Ok(primary)
    }

    /// Cuts the primary off from clients, replicas and etcd; which that was.
    ///
    /// # Errors
    /// When there is none.
    pub async fn cut_off_primary(&self) -> Result<usize> {
        let primary = self.primary().await?;
        self[primary].cut_off();
        Ok(primary)
    }

    /// Fills the disk of the primary; which that was.
    ///
    /// # Errors
    /// When there is none, or it has no disk of its own.
    pub async fn fill_disk_of_primary(&self) -> Result<usize> {
        let primary = self.primary().await?;
        block_in_place(|| self[primary].fill_disk())?;
        Ok(primary)
    }

    async fn ask(&self, node: &Node, path: &str) -> Option<Value> {
        let answer = self.http.get(format!("http://{}{path}", node.rest())).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }
}
