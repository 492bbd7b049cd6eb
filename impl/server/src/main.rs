//! The one binary: a subcommand per role, and the commands that bring everything up.

use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};

use crate::role::Role;

mod console;
mod gateway;
mod health;
mod migrate;
mod port;
mod prometheus;
mod role;
mod roles;
mod signals;
mod up;
mod verify;
mod with_backends;

/// A schema-first API server: what the documents in openapi/ say, served.
#[derive(Debug, Parser)]
#[command(version = VERSION.as_str(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Of what is served, since that is what clients know; and of the source, when that is known.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let documents =
        [Role::Tasks, Role::Shop, Role::Analytics].map(|role| format!("{} {}", role.name(), role.version()));
    let commit = option_env!("GIT_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("{} (API: {}{commit})", env!("CARGO_PKG_VERSION"), documents.join(", "))
});

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve users, projects and tasks
    Tasks(roles::RoleArgs),
    /// Serve products and orders
    Shop(roles::ShopArgs),
    /// Reserve stock for orders, and tell on a port of its own how that goes
    Worker(roles::ShopArgs),
    /// Serve page views
    Analytics(roles::AnalyticsArgs),
    /// Be the one address in front of the services: nginx, as the documents say
    Gateway(gateway::GatewayArgs),
    /// Serve everything in one process
    All(roles::AllArgs),
    /// Bring the database's schema up to date
    Migrate(migrate::MigrateArgs),
    /// Check that the data are as they must be, also while they are being used
    Verify(verify::VerifyArgs),
    /// Ask a role on this machine whether it is ready; fails when it is not
    Health(health::HealthArgs),
    /// Watch the services with Prometheus, without containers
    Prometheus(prometheus::PrometheusArgs),
    /// Run everything here, with a Postgres and a Redis of its own unless told which to use
    Up(up::UpArgs),
    /// Run a command with a Postgres and a Redis of its own: DATABASE_URL and REDIS_URL tell it where
    WithBackends(with_backends::WithBackendsArgs),
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        console::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    // First of all, since clap reads the environment and nothing but this thread runs yet.
    platform::settings::load_dotenv()?;
    match Cli::parse().command {
        Command::Tasks(args) => roles::run(Role::Tasks, &args),
        Command::Shop(args) => roles::run_shop(Role::Shop, &args),
        Command::Worker(args) => roles::run_shop(Role::Worker, &args),
        Command::Analytics(args) => roles::run_analytics(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::All(args) => roles::run_all(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Prometheus(args) => prometheus::run(&args),
        Command::Up(args) => up::run(&args),
        Command::WithBackends(args) => with_backends::run(&args),
    }
}
