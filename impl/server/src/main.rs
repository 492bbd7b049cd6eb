//! The one binary: a subcommand per role, and the commands that bring everything up.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod console;
mod up;
mod with_backends;

/// A schema-first API server: what the documents in openapi/ say, served.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
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
}

fn main() -> ExitCode {
    // Nothing but this thread runs yet. A missing file is fine.
    let _ = dotenvy::dotenv();
    let outcome = match Cli::parse().command {
        Command::Up(args) => up::run(&args),
        Command::WithBackends(args) => with_backends::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        console::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
