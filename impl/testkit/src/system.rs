//! The system of an experiment: its own Postgres and Redis, migrated, and processes of any service.

use std::fs::Permissions;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backends::{Backends, Options, Server, Source};
use deadpool_redis::redis::{self, aio::MultiplexedConnection};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::block_in_place;

use crate::deployment::Deployment;

pub use crate::deployment::DRAINED;

/// The configuration of an experiment.
pub struct Plan {
    /// The experiment's name; its logs are in a folder of that name.
    pub name: &'static str,
    /// Whether Postgres waits for the disk (fsync).
    pub durable: bool,
    /// Whether Redis keeps an append-only file.
    pub append_only: bool,
    /// Settings of the processes.
    pub environment: &'static [(&'static str, &'static str)],
}

/// For experiments about how soon a request is rejected.
pub const IMPATIENT: &[(&str, &str)] = &[("DATABASE_ACQUIRE_TIMEOUT_MS", "1000")];

impl Plan {
    /// A plan without durable data.
    pub fn new(name: &'static str) -> Self {
        Self { name, durable: false, append_only: true, environment: &[] }
    }
}

/// A running system. Everything ends when this is dropped.
pub struct System {
    /// Postgres and Redis.
    pub servers: Backends,
    deployment: Deployment,
    dir: TempDir,
    // Two systems at once would influence each other.
    _turn: MutexGuard<'static, ()>,
}

impl Deref for System {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl DerefMut for System {
    fn deref_mut(&mut self) -> &mut Deployment {
        &mut self.deployment
    }
}

static TURN: Mutex<()> = Mutex::const_new(());

impl System {
    /// Starts Postgres and Redis, and migrates.
    pub async fn start(plan: &Plan) -> Self {
        let system = Self::prepare(plan).await;
        system.migrate().await;
        system
    }

    /// Starts Postgres, with an empty database, and Redis; no process yet.
    pub async fn prepare(plan: &Plan) -> Self {
        let turn = TURN.lock().await;
        // The servers may run as another user, who needs access.
        let open = Permissions::from_mode(0o711);
        let dir = tempfile::Builder::new().prefix("experiment-").permissions(open).tempdir().expect("a folder");
        let options = Options {
            source: source(),
            durable: plan.durable,
            append_only: plan.append_only,
            ..Options::new(dir.path(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/py"))
        };
        let servers = block_in_place(|| Backends::start(&options)).expect("Postgres and Redis start");
        let (database, redis) = (servers.database_url().expect("Postgres"), servers.redis_url().expect("Redis"));
        let logs = Path::new("experiments").join(plan.name);
        let deployment = Deployment::new(&logs, (&database, &redis), plan.environment);
        Self { servers, deployment, dir, _turn: turn }
    }

    /// A connection of the experiment's own to Redis.
    pub async fn redis(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.servers.redis_url().expect("Redis")).expect("a URL of Redis");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }

    /// Kills one of the two servers.
    pub fn kill(&mut self, server: Server) {
        block_in_place(|| self.servers.kill(server)).expect("it is killed");
    }

    /// Stops one of the two servers in an orderly way.
    pub fn pause(&mut self, server: Server) {
        block_in_place(|| self.servers.pause(server)).expect("it stops");
    }

    /// Starts one of the two servers again, and waits until it is ready.
    pub fn resume(&mut self, server: Server) {
        block_in_place(|| self.servers.resume(server)).expect("it serves again");
    }

    /// The log of Postgres.
    pub fn postgres_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log/postgres.log")).expect("the log of Postgres")
    }
}

/// Which binaries of servers may be used, as `BACKENDS` says.
///
/// # Panics
/// When it says something else.
pub fn source() -> Source {
    std::env::var("BACKENDS").map_or_else(|_| Ok(Source::Auto), |source| source.parse()).expect("BACKENDS")
}
