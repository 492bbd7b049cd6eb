//! `health`: asks a role on this machine how it is, for containers that have nothing else to ask with.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::console::say;
use crate::roles::Role;
use crate::up::is_ready;

/// Whom to ask.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The role
    #[arg(value_enum)]
    role: Role,
    /// Its port; the role's own when absent
    #[arg(long, env = "PORT")]
    port: Option<u16>,
}

/// Succeeds when `/health/ready` answers 200.
pub(crate) fn run(args: &HealthArgs) -> Result<ExitCode> {
    let port = args.port.unwrap_or(args.role.port());
    if is_ready(Ipv4Addr::LOCALHOST.into(), port) {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} is not ready on port {port}", args.role.name()));
    Ok(ExitCode::FAILURE)
}
