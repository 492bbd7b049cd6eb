//! HTTP limits, CORS and trusted proxies.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::{InvalidSettings, Proxies};

/// Limits and CORS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpSettings {
    /// Web origins whose pages may call the services: a JSON list or comma separated; `*` for any, without credentials
    #[arg(long, env = "BACKEND_CORS_ORIGINS", default_value = "")]
    pub backend_cors_origins: Origins,
    /// Proxies whose X-Forwarded-For is believed: addresses or networks, comma separated; nobody's when empty
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: Proxies,
    /// Requests a service works on at once; more wait a moment, then get 503
    #[arg(long, env = "HTTP_CONCURRENCY", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_concurrency: u32,
    /// Connections a service holds open at once; more wait in the kernel's queue
    #[arg(long, env = "HTTP_MAX_CONNECTIONS", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_max_connections: u32,
    /// MiB of bodies that are received, and of answers that clients have not read yet; one client may have a quarter of what is left
    #[arg(long, env = "HTTP_UNSENT_MIB", default_value_t = 96, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub http_unsent_mib: u32,
    /// Event streams open at once; one address may have 256, one user what the document says (`x-event-streams`)
    #[arg(long, env = "EVENT_STREAMS", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub event_streams: u32,
    /// Seconds a minute that long statements (beyond 0.1 s each) of one client may take while others ask, too; 0 is without bound
    #[arg(long, env = "DATABASE_BUDGET_SECONDS", default_value_t = 20)]
    pub database_budget_seconds: u32,
    /// Seconds a minute of a core that passwords of one client may be hashed while others ask, too; 0 is without bound
    #[arg(long, env = "HASHING_BUDGET_SECONDS", default_value_t = 20)]
    pub hashing_budget_seconds: u32,
    /// MiB a minute of large answers (beyond 256 KiB each) to one client while others ask, too; 0 is without bound
    #[arg(long, env = "BYTES_BUDGET_MIB", default_value_t = 1_024)]
    pub bytes_budget_mib: u32,
    /// Seconds a minute of a processor that requests of one client (beyond 5 ms each) may take while others ask, too; 0 is without bound
    #[arg(long, env = "PROCESSOR_BUDGET_SECONDS", default_value_t = 20)]
    pub processor_budget_seconds: u32,
    /// Whether the rate limits of the documents are enforced
    #[arg(long, env = "RATE_LIMITS", value_enum, ignore_case = true, default_value_t = RateLimits::On)]
    pub rate_limits: RateLimits,
    /// Milliseconds between the announcement of a shutdown (readiness 503) and the end of listening
    #[arg(long, env = "SHUTDOWN_DRAIN_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=10_000))]
    pub shutdown_drain_ms: u64,
}

/// Whether the rate limits of the documents are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RateLimits {
    /// They are.
    On,
    /// Nothing is counted.
    Off,
}

/// Origins allowed by CORS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<String>);

impl FromStr for Origins {
    type Err = InvalidSettings;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let listed: Vec<String> = if text.starts_with('[') {
            serde_json::from_str(text)
                .map_err(|error| InvalidSettings(format!("not a JSON list of strings: {error}")))?
        } else {
            text.split(',').map(str::to_owned).collect()
        };
        let origins =
            listed.iter().map(|origin| origin.trim().trim_end_matches('/')).filter(|origin| !origin.is_empty());
        origins
            .map(|origin| {
                let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
                match host {
                    _ if origin == "*" => Ok(origin.to_owned()),
                    Some(host) if !host.is_empty() && !host.contains(['/', '*', ' ']) => {
                        Ok(origin.to_ascii_lowercase())
                    }
                    _ => Err(InvalidSettings(format!("{origin:?} is not an origin such as https://shop.example"))),
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
