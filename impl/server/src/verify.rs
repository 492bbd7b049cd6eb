//! `verify`: whether the data are as they must be, a line for everything that was checked.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use platform::Cache;
use platform::settings::{DatabaseSettings, RedisSettings};
use platform::verification::{Check, Finding};

use crate::roles::Role;

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Nothing is being done: check as well that nothing is left to do
    #[arg(long)]
    at_rest: bool,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    redis: RedisSettings,
}

/// Reads only, so that it may be run on a live system. Fails when anything is violated.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let cache = Cache::new(&args.redis, &format!("{}:", Role::Shop.name()))?;
        let mut findings = shop::verify::run(&args.database, cache.as_ref(), args.at_rest).await?;
        findings.extend(analytics::verify::run(&args.database).await?);
        anyhow::Ok(findings)
    });
    let findings = findings.context("cannot check the database")?;
    for (check, finding) in &findings {
        println!("{}", line(check, finding));
    }
    let sound = findings.iter().all(|(_, finding)| !matches!(finding, Finding::Violated { .. }));
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(check: &Check, finding: &Finding) -> String {
    let Check { invariant, name, .. } = check;
    match finding {
        Finding::Holds => format!("{invariant} ok        {name}"),
        Finding::Nothing => format!("{invariant} absent    {name}: there is nothing to check"),
        Finding::Violated { count, examples } => {
            let more = if usize::try_from(*count).is_ok_and(|count| count > examples.len()) { "; ..." } else { "" };
            format!("{invariant} VIOLATED  {name}: {count}: {}{more}", examples.join("; "))
        }
    }
}
