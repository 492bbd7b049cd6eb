//! `verify`: checks the consistency of the data and prints a line for every check.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use platform::service::Verification;
use platform::settings::{DatabaseSettings, RedisSettings};
use platform::verification::{Check, Finding};
use platform::{Database, Error};
use services::SERVICES;

use crate::serve::plain;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The system is quiescent: also check that no work is pending
    #[arg(long = "quiescent")]
    at_rest: bool,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    redis: RedisSettings,
}

/// The exit code when the database could not be checked.
const EXIT_UNAVAILABLE: u8 = 2;

/// Read-only, so that it may be run on a live system. Fails with 1 when a check is violated, with 2 when that is unknown.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let data = Verification { database: &args.database, redis: &args.redis, at_rest: args.at_rest };
        // Also where no service has a check: no output must not look like success.
        let reached = async { Database::new(&args.database, "verify").map_err(Error::internal)?.ping().await };
        reached.await.map_err(|error| plain(&args.database, "check", &error))?;
        let mut findings = Vec::new();
        for service in SERVICES {
            findings.extend(service.verify(&data).await.map_err(|error| plain(&args.database, "check", &error))?);
        }
        anyhow::Ok(findings)
    });
    // A script must be able to distinguish inconsistent data from an unavailable database.
    let findings = match findings {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(ExitCode::from(EXIT_UNAVAILABLE));
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
        Finding::Nothing => format!("{invariant} skipped   {name}: nothing to check"),
        Finding::Violated { count, examples } => {
            let more = if usize::try_from(*count).is_ok_and(|count| count > examples.len()) { "; ..." } else { "" };
            format!("{invariant} VIOLATED  {name}: {count}: {}{more}", examples.join("; "))
        }
    }
}
