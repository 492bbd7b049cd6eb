//! The system of an experiment: its own Postgres and Redis, migrated, and processes of any service.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backends::{Backends, Options, Server, Source};
use deadpool_redis::redis::{self, aio::MultiplexedConnection};
use platform::settings::RoleSettings;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::block_in_place;

use crate::process::{Process, ROLE_PASSWORD, program, server, target_dir};

/// The timeout for pending work after the last fault is over.
pub const DRAINED: Duration = Duration::from_secs(30);

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
    /// A direct connection to Postgres, past any proxy between it and the processes.
    pub db: PgPool,
    /// Postgres and Redis.
    pub servers: Backends,
    /// The server under test: processes are made of it, and it migrates and verifies.
    pub program: PathBuf,
    environment: Vec<(String, String)>,
    logs: PathBuf,
    dir: TempDir,
    // Two systems at once would influence each other.
    _turn: MutexGuard<'static, ()>,
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
        let logs = target_dir().with_file_name("tmp").join("experiments").join(plan.name);
        // Those of the previous run.
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).expect("a folder for the logs");
        let db = PgPoolOptions::new().max_connections(4).connect_lazy(&database).expect("a URL of Postgres");
        let environment = environment(plan, &database, &redis);
        Self { db, servers, program: program(), environment, logs, dir, _turn: turn }
    }

    /// A process of a service, with settings in addition to those of the plan; to be started. `name` is that of its log.
    pub fn process(&self, role: &'static str, name: &str, environment: &[(&str, &str)]) -> Process {
        let mut all = self.environment.clone();
        all.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Process::new(&self.program, role, name, &self.logs, &all)
    }

    /// Runs `server migrate`, with a password for each role.
    pub async fn migrate(&self) {
        let mut command = tokio::process::Command::from(server(&self.program, &self.environment));
        let roles = platform::privileges::ROLES.iter().map(|(role, _)| (RoleSettings::variable(role), ROLE_PASSWORD));
        let output = command.envs(roles).arg("migrate").output().await;
        let output = output.expect("the migrations run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
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

    /// Whether `server verify --quiescent` succeeds, and its output.
    pub async fn verify(&self) -> (bool, String) {
        let mut command = tokio::process::Command::from(server(&self.program, &self.environment));
        let output = command.args(["verify", "--quiescent"]).output().await.expect("it runs");
        let report = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), report.into_owned())
    }

    /// The result of a query with one number.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db).await.expect("a number")
    }

    /// The log of Postgres.
    pub fn postgres_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log/postgres.log")).expect("the log of Postgres")
    }
}

/// Which binaries of servers may be used, as `BACKENDS` says.
pub fn source() -> Source {
    std::env::var("BACKENDS").map_or_else(|_| Ok(Source::Auto), |source| source.parse()).expect("BACKENDS")
}

/// Verification connects to the servers directly as well, so that URLs come first and may be overridden.
fn environment(plan: &Plan, database: &str, redis: &str) -> Vec<(String, String)> {
    let all = [
        ("DATABASE_URL", database),
        ("REDIS_URL", redis),
        ("ENVIRONMENT", "development"),
        ("BIND_ADDRESS", "127.0.0.1"),
        ("SECRET_KEY", "a key that belongs to the experiments only, and is long enough"),
        ("RUST_LOG", "info,access=warn"),
        ("LOG_FORMAT", "text"),
        // Nothing here depends on the time of a login.
        ("ARGON2_MEMORY_KIB", "64"),
        ("ARGON2_ITERATIONS", "1"),
        // On a machine with a busy CPU a slow request should be slow, not rejected.
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "8000"),
    ];
    all.iter().chain(plan.environment).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
