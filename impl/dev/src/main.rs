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

/// The system on this machine: everything with one command, or a part of it
#[derive(Debug, Parser)]
#[command(name = "dev", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything here, with a Postgres and a Redis of its own unless told which to use
    Up(up::UpArgs),
    /// Run a command with a Postgres and a Redis of its own: DATABASE_URL and REDIS_URL tell it where
    WithBackends(with_backends::WithBackendsArgs),
    /// Be the one address in front of the services: nginx, as the documents say
    Gateway(gateway::GatewayArgs),
    /// Watch the services with Prometheus, without containers
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
    platform::settings::load_dotenv()?;
    match Cli::parse().command {
        Command::Up(args) => up::run(&args),
        Command::WithBackends(args) => with_backends::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Prometheus(args) => prometheus::run(&args),
    }
}
