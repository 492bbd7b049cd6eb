//! `verify`: whether the data are as they must be, a line for everything that was checked.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use platform::service::Verification;
use platform::settings::{DatabaseSettings, RedisSettings};
use platform::verification::{Check, Finding};
use platform::{Database, Error};
use services::SERVICES;

use crate::serve::plain;

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

/// The exit code when nothing could be asked.
const UNANSWERED: u8 = 2;

/// Reads only, so that it may be run on a live system. Fails with 1 when anything is violated, with 2 when that cannot be told.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let data = Verification { database: &args.database, redis: &args.redis, at_rest: args.at_rest };
        // Also where no service has anything to check: silence is no verdict.
        let reached = async { Database::new(&args.database, "verify").map_err(Error::internal)?.ping().await };
        reached.await.map_err(|error| plain(&args.database, "check", &error))?;
        let mut findings = Vec::new();
        for service in SERVICES {
            findings.extend(service.verify(&data).await.map_err(|error| plain(&args.database, "check", &error))?);
        }
        anyhow::Ok(findings)
    });
    // A script must be able to tell data that are wrong from a database that did not answer.
    let findings = match findings {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(ExitCode::from(UNANSWERED));
        }
    };
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
