//! The processes of services on a Postgres and a Redis, whoever runs these.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use platform::settings::RoleSettings;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::time::sleep;

use crate::process::{Process, ROLE_PASSWORD, program, server, target_dir};

/// The timeout for pending work after the last fault is over.
pub const DRAINED: Duration = Duration::from_secs(30);

/// Settings and logs of processes, and commands of the server.
pub struct Deployment {
    /// A connection to Postgres by the URL of the deployment, past any proxy between that and the processes.
    pub db: PgPool,
    /// The server under test: processes are made of it, and it migrates and verifies.
    pub program: PathBuf,
    environment: Vec<(String, String)>,
    logs: PathBuf,
}

impl Deployment {
    /// On the servers of these URLs, as their owner. `logs` is below `target/tmp`, and is emptied; `environment` has further settings.
    ///
    /// # Panics
    /// When the folder of the logs cannot be made, or the URL is none of Postgres.
    pub fn new(logs: &Path, (database, redis): (&str, &str), environment: &[(&str, &str)]) -> Self {
        let logs = target_dir().with_file_name("tmp").join(logs);
        // Those of the previous run.
        let _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(&logs).expect("a folder for the logs");
        let db = PgPoolOptions::new().max_connections(4).connect_lazy(database).expect("a URL of Postgres");
        Self { db, program: program(), environment: all_settings(environment, database, redis), logs }
    }

    /// A process of a service, with settings in addition to those of all; to be started. `name` is that of its log.
    pub fn process(&self, role: &'static str, name: &str, environment: &[(&str, &str)]) -> Process {
        let mut all = self.environment.clone();
        all.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Process::new(&self.program, role, name, &self.logs, &all)
    }

    /// A command of the server, with its settings.
    pub fn command(&self) -> std::process::Command {
        server(&self.program, &self.environment)
    }

    /// Runs `server migrate`, with a password for each role.
    ///
    /// # Panics
    /// When it fails.
    pub async fn migrate(&self) {
        let mut command = tokio::process::Command::from(self.command());
        let roles = platform::privileges::ROLES.iter().map(|(role, _)| (RoleSettings::variable(role), ROLE_PASSWORD));
        let output = command.envs(roles).arg("migrate").output().await;
        let output = output.expect("the migrations run");
        assert!(output.status.success(), "{}", both(&output));
    }

    /// Whether `server verify --quiescent` succeeds, and its output.
    ///
    /// # Panics
    /// When there is no such program.
    pub async fn verify(&self) -> (bool, String) {
        let mut command = tokio::process::Command::from(self.command());
        let output = command.args(["verify", "--quiescent"]).output().await.expect("it runs");
        (output.status.success(), both(&output))
    }

    /// Waits until everything accepted is done, and has `server verify --quiescent` look at the result: what it finds wrong
    /// now is wrong, but for work that is not done yet. Dead letters must be as many as there was poison.
    ///
    /// # Panics
    /// When something is wrong, with the logs that `tails` has.
    pub async fn comes_to_rest(&self, poison: i64, tails: impl Fn() -> String) {
        let deadline = Instant::now() + DRAINED;
        loop {
            let (sound, report) = self.verify().await;
            if sound {
                break;
            }
            let mut violated = report.lines().filter(|line| line.contains(" VIOLATED "));
            let undone = violated.all(|line| line.starts_with("O3") || line.starts_with("O7"));
            assert!(undone && Instant::now() < deadline, "{report}\n{}", tails());
            sleep(Duration::from_millis(200)).await;
        }
        let dead: i64 = self.number("SELECT count(*) FROM dead_letters").await;
        assert_eq!(dead, poison, "dead letters\n{}", tails());
    }

    /// The result of a query with one number.
    ///
    /// # Panics
    /// When there is none.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db).await.expect("a number")
    }
}

fn both(output: &Output) -> String {
    (String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned()
}

/// Verification connects to the servers directly as well, so that URLs come first and may be overridden.
fn all_settings(environment: &[(&str, &str)], database: &str, redis: &str) -> Vec<(String, String)> {
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
    all.iter().chain(environment).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
