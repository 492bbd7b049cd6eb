//! The prometheus role: Prometheus with the rules of `monitoring/`, without containers. This process becomes it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::services::SERVICES;
use anyhow::{Context, Result, ensure};
use clap::Args;

/// The usual port of Prometheus.
pub(crate) const PORT: u16 = 9090;

/// The script that finds Prometheus and writes its scrape configuration.
const SCRIPT: &str = "monitoring/prometheus";

/// Listening address and scrape targets.
#[derive(Debug, Args)]
pub(crate) struct PrometheusArgs {
    /// Address and port to listen on
    #[arg(long, env = "PROMETHEUS_LISTEN", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))]
    listen: SocketAddr,
    /// Scrape targets of every service: SERVICE=HOST:PORT[,HOST:PORT...]
    #[arg(long, env = "PROMETHEUS_TARGETS", value_delimiter = ' ', default_values_t =
          SERVICES.iter().map(|service| format!("{}=127.0.0.1:{}", service.name, service.port)))]
    targets: Vec<String>,
    /// Scrape and evaluation interval
    #[arg(long, env = "PROMETHEUS_INTERVAL", default_value = "15s")]
    interval: String,
    /// Directory of its data
    #[arg(long, env = "PROMETHEUS_DIR", default_value = ".local/prometheus")]
    dir: PathBuf,
}

/// Becomes Prometheus.
pub(crate) fn run(args: &PrometheusArgs) -> Result<ExitCode> {
    let mut command = script()?;
    command.arg(std::path::absolute(&args.dir)?).arg(args.listen.to_string()).arg(&args.interval).args(&args.targets);
    Err(command.exec()).context("cannot run Prometheus")
}

/// Looks for Prometheus, and fetches it where that is possible.
pub(crate) fn find() -> Result<()> {
    let found = script()?.arg("--find").status().context("cannot find Prometheus")?;
    ensure!(found.success(), "Prometheus not found");
    Ok(())
}

fn script() -> Result<Command> {
    ensure!(Path::new(SCRIPT).exists(), "{SCRIPT} not found: run this in the source directory");
    Ok(Command::new(SCRIPT))
}
