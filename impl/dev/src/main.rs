//! The whole system on one machine: a supervisor of the server's roles, private servers of Postgres and Redis, the gateway,
//! and Prometheus. The server itself (`server`) knows none of it.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod console;
mod gateway;
mod port;
mod ports;
mod prometheus;
mod services;
mod signals;
mod up;
mod with_backends;

/// Development tools: the whole system on this machine, or parts of it
#[derive(Debug, Parser)]
#[command(name = "dev", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole system, with a private Postgres and Redis unless DATABASE_URL and REDIS_URL are set
    Up(up::UpArgs),
    /// Run a command with a temporary Postgres and Redis, at DATABASE_URL and REDIS_URL
    WithBackends(with_backends::WithBackendsArgs),
    /// Start the gateway: nginx, configured from the OpenAPI documents
    Gateway(gateway::GatewayArgs),
    /// Start Prometheus for the services, without containers
    Prometheus(prometheus::PrometheusArgs),
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        console::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run() -> Result<ExitCode> {
    // First of all, since clap reads the environment and nothing but this thread runs yet.
    platform::settings::load_dotenv(<Cli as clap::CommandFactory>::command)?;
    match Cli::parse().command {
        Command::Up(args) => up::run(&args),
        Command::WithBackends(args) => with_backends::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Prometheus(args) => prometheus::run(&args),
    }
}
