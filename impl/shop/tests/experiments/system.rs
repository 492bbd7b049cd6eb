//! The whole system of an experiment with orders: processes of the shop and of its worker beside a Postgres and a Redis.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use testkit::process::Process;
use testkit::system::{self, DRAINED};
use tokio::time::sleep;

/// What an experiment needs.
pub struct Plan {
    /// The experiment's name; its logs are below it.
    pub name: &'static str,
    pub shops: usize,
    pub workers: usize,
    /// Whether Postgres waits for the disk.
    pub durable: bool,
    /// Whether Redis keeps a file.
    pub append_only: bool,
    /// Settings of the processes.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Plan {
    /// One process of each role, data that nobody will miss.
    pub fn new(name: &'static str) -> Self {
        let system::Plan { durable, append_only, environment, .. } = system::Plan::new(name);
        Self { name, shops: 1, workers: 1, durable, append_only, environment }
    }
}

/// A running system. All of it ends when this is dropped.
pub struct System {
    // Processes before the servers they use.
    pub shops: Vec<Process>,
    pub workers: Vec<Process>,
    base: system::System,
}

impl Deref for System {
    type Target = system::System;

    fn deref(&self) -> &system::System {
        &self.base
    }
}

impl DerefMut for System {
    fn deref_mut(&mut self) -> &mut system::System {
        &mut self.base
    }
}

impl System {
    /// Starts everything and waits until it is ready.
    pub async fn start(plan: &Plan) -> Self {
        let mut system = Self::prepare(plan).await;
        system.migrate().await;
        for process in system.shops.iter_mut().chain(&mut system.workers) {
            process.start();
        }
        system.ready().await;
        system
    }

    /// Starts Postgres, with an empty database, and Redis; no process yet.
    pub async fn prepare(plan: &Plan) -> Self {
        let &Plan { name, shops, workers, durable, append_only, environment } = plan;
        let base = system::System::prepare(&system::Plan { name, durable, append_only, environment }).await;
        let processes =
            |role, count: usize| (1..=count).map(|n| base.process(role, &format!("{role}-{n}"), &[])).collect();
        Self { shops: processes("shop", shops), workers: processes("worker", workers), base }
    }

    /// Waits until every process is ready.
    pub async fn ready(&mut self) {
        for process in self.shops.iter_mut().chain(&mut self.workers) {
            process.ready().await;
        }
    }

    /// Waits until everything accepted is done, and has `server verify --quiescent` look at the result: what it finds wrong
    /// now is wrong, but for work that is not done yet. Dead letters must be as many as there was poison.
    pub async fn comes_to_rest(&self, poison: i64) {
        self.base.comes_to_rest(poison, || self.tails()).await;
    }

    /// How many orders are in a state.
    pub async fn orders(&self, status: &str) -> i64 {
        let sql = "SELECT count(*) FROM orders WHERE status = $1";
        sqlx::query_scalar(sql).bind(status).fetch_one(&self.db).await.expect("a number")
    }

    /// Waits until an order is no longer pending.
    pub async fn until_decided(&self, order: i64) {
        let (pending, deadline) = ("SELECT status = 'PENDING' FROM orders WHERE id = $1", Instant::now() + DRAINED);
        while sqlx::query_scalar::<_, bool>(pending).bind(order).fetch_one(&self.db).await.expect("the order") {
            assert!(Instant::now() < deadline, "order {order} is not decided within {DRAINED:?}\n{}", self.tails());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn tails(&self) -> String {
        self.shops.iter().chain(&self.workers).map(Process::tail).collect::<Vec<_>>().join("\n\n")
    }
}
