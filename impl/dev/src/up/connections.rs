//! How many connections the processes of `up` may open, and that Postgres takes them.

use anyhow::Result;
use clap::{Args as _, FromArgMatches as _};
use platform::settings::DatabaseSettings;

use super::args::UpArgs;
use super::database;
use super::environment::Env;
use crate::console::say;

/// What a process has open beside its pools: to listen for changes, to watch, and one or two for a moment.
const BESIDE: u32 = 4;
/// For migrations, tools, and those that Postgres keeps for its superusers.
const OTHERS: u32 = 20;
/// What a private Postgres accepts at least.
const USUAL: u32 = 100;

/// Processes that have pools.
fn processes(args: &UpArgs) -> u32 {
    args.ports.services().map(|(service, _)| u32::from(args.processes_of(service))).sum()
}

/// Pools as the processes will read them.
fn pools() -> (u32, u32) {
    let matches = DatabaseSettings::augment_args(clap::Command::new("up")).get_matches_from(["up"]);
    let settings = DatabaseSettings::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    (settings.database_read_pool_size, settings.database_write_pool_size)
}

/// What they may all open together.
fn wanted(args: &UpArgs) -> u32 {
    let (read, write) = pools();
    processes(args) * (read + write + BESIDE) + OTHERS
}

/// What a private Postgres must accept.
pub(crate) fn of_private(args: &UpArgs) -> u32 {
    let wanted = wanted(args).max(USUAL);
    if wanted > USUAL {
        say(&format!("Postgres: max_connections = {wanted} for {} processes", processes(args)));
    }
    wanted
}

/// Makes the pools small enough for a Postgres that is not ours.
pub(crate) fn fit(args: &UpArgs, env: &mut Env, url: &str) -> Result<()> {
    let (accepted, wanted) = (database::max_connections(url)?, wanted(args));
    if wanted <= accepted {
        return Ok(());
    }
    let each = (accepted.saturating_sub(OTHERS) / processes(args)).saturating_sub(BESIDE);
    let (read, write) = ((each / 2).max(1), (each - each / 2).max(1));
    say(&format!(
        "Postgres: max_connections = {accepted} is less than the {wanted} that {} processes may need: pool sizes reduced to {read} (read) and {write} (write)",
        processes(args)
    ));
    env.insert("DATABASE_READ_POOL_SIZE".to_owned(), read.to_string());
    env.insert("DATABASE_WRITE_POOL_SIZE".to_owned(), write.to_string());
    Ok(())
}
