//! `health`: checks the readiness of a role on this machine, for containers without an HTTP client.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use services::SERVICES;

const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Arguments of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// Name of the service
    #[arg(value_parser = PossibleValuesParser::new(SERVICES.iter().map(|service| service.name)))]
    service: String,
    /// Port of the service; default: its own
    #[arg(long, env = "PORT")]
    port: Option<u16>,
}

/// Succeeds when `/health/ready` returns 200; otherwise prints the response.
pub(crate) fn run(args: &HealthArgs) -> Result<ExitCode> {
    let of_service = SERVICES.iter().find(|service| service.name == args.service).map(|service| service.port);
    let port = args.port.or(of_service).context("a service has a port")?;
    let answer = ask(port).with_context(|| format!("{} does not respond on port {port}", args.service))?;
    let ready = answer.get(9..12) == Some("200");
    if !ready {
        eprintln!("{}", answer.split_once("\r\n\r\n").map_or(&*answer, |(_, body)| body));
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ask(port: u16) -> std::io::Result<String> {
    // It may listen in one family only.
    let [one, other] = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
        .map(|address| TcpStream::connect_timeout(&SocketAddr::new(address, port), PROBE_TIMEOUT));
    let mut socket = one.or(other)?;
    socket.set_read_timeout(Some(PROBE_TIMEOUT))?;
    socket.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).map(|_| answer)
}
