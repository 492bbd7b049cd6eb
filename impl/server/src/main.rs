//! The production binary: a subcommand per role, and commands for operations.

use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{FromArgMatches as _, Subcommand};
use services::SERVICES;

mod health;
mod migrate;
mod ports;
mod serve;
mod verify;

/// The versions of the APIs, which is what clients know; and of the source, when known.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let served = SERVICES.iter().filter(|service| service.prefix.is_some());
    let documents: Vec<String> = served.map(|service| format!("{} {}", service.name, service.version)).collect();
    let commit = option_env!("GIT_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("{} (API: {}{commit})", env!("CARGO_PKG_VERSION"), documents.join(", "))
});

/// Commands besides serving; every service has a command of its own.
#[derive(Debug, Subcommand)]
enum Command {
    /// Migrate the database schema to this version
    Migrate(migrate::MigrateArgs),
    /// Check the consistency of the data, also of a running system
    Verify(verify::VerifyArgs),
    /// Check the readiness of a role on this machine; fails when it is not ready
    Health(health::HealthArgs),
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    // First, since clap reads the environment and no other thread is running yet.
    platform::settings::load_dotenv(cli)?;
    let matches = cli().get_matches();
    if let Some((name, matches)) = matches.subcommand() {
        if let Some(service) = SERVICES.iter().find(|service| service.name == name) {
            return serve::run(service, matches);
        }
        if name == serve::ALL {
            return serve::run_all(matches);
        }
    }
    match Command::from_arg_matches(&matches)? {
        Command::Migrate(args) => migrate::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Health(args) => health::run(&args),
    }
}

fn cli() -> clap::Command {
    let root = clap::Command::new("server")
        .version(VERSION.as_str())
        .max_term_width(100)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(SERVICES.iter().map(serve::command))
        .subcommand(serve::command_all());
    // After the other commands, whose list would describe the program.
    Command::augment_subcommands(root)
        .about("A schema-first API server: serves the OpenAPI documents in openapi/")
        .long_about(None)
}
