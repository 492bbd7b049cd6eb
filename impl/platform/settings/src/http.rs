//! HTTP limits, CORS and trusted proxies.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::{InvalidSettings, Proxies};

/// Limits and CORS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpSettings {
    /// Origins allowed by CORS: a JSON list or comma-separated; `*` allows any, without credentials
    #[arg(long, env = "BACKEND_CORS_ORIGINS", default_value = "")]
    pub backend_cors_origins: Origins,
    /// Proxies whose X-Forwarded-For is trusted: addresses or networks (CIDR), comma-separated
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: Proxies,
    /// Maximum number of concurrent requests per service; others queue for up to 0.5 s and are then rejected with 503
    #[arg(long, env = "HTTP_CONCURRENCY", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_concurrency: u32,
    /// Maximum number of open client connections per service; others wait in the listen backlog
    #[arg(long, env = "HTTP_MAX_CONNECTIONS", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_max_connections: u32,
    /// Memory for large request and response bodies, in MiB; one client may use a quarter of what is free
    #[arg(long, env = "HTTP_BUFFER_MIB", default_value_t = 96, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub http_buffer_mib: u32,
    /// Maximum number of open event streams; of these 256 per address, and per user what the document says (`x-event-streams`)
    #[arg(long, env = "HTTP_MAX_EVENT_STREAMS", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub http_max_event_streams: u32,
    /// Database time per client, in seconds per minute: what statements take beyond 0.1 s each, while other clients are active; 0: unlimited
    #[arg(long, env = "DATABASE_BUDGET_SECONDS", default_value_t = 20)]
    pub database_budget_seconds: u32,
    /// CPU time for hashing passwords per client, in seconds per minute, while other clients are active; 0: unlimited
    #[arg(long, env = "HASHING_BUDGET_SECONDS", default_value_t = 20)]
    pub hashing_budget_seconds: u32,
    /// Response bandwidth per client, in MiB per minute: what responses have beyond 256 KiB each, while other clients are active; 0: unlimited
    #[arg(long, env = "BANDWIDTH_BUDGET_MIB", default_value_t = 1_024)]
    pub bandwidth_budget_mib: u32,
    /// CPU time per client, in seconds per minute: what requests take beyond 5 ms each, while other clients are active; 0: unlimited
    #[arg(long, env = "CPU_BUDGET_SECONDS", default_value_t = 20)]
    pub cpu_budget_seconds: u32,
    /// Enforce the rate limits of the OpenAPI documents
    #[arg(long, env = "RATE_LIMITS", value_enum, ignore_case = true, default_value_t = RateLimits::On)]
    pub rate_limits: RateLimits,
    /// Whether responses are checked against the OpenAPI documents; the default of builds for development is enforce
    #[arg(long, env = "CONTRACT", value_enum, ignore_case = true, default_value_t = Contract::DEFAULT)]
    pub contract: Contract,
    /// Share of responses that CONTRACT=sample checks, 0 to 1
    #[arg(long, env = "CONTRACT_SAMPLE_RATE", default_value_t = 0.01, value_parser = share)]
    pub contract_sample_rate: f64,
    /// How long requests are accepted after SIGTERM, with readiness failing, in milliseconds; longer than it takes for balancers to
    /// notice: a second behind a gateway on this machine, 10 s in Kubernetes
    #[arg(long, env = "SHUTDOWN_DRAIN_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub shutdown_drain_ms: u64,
}

/// Whether the rate limits of the documents are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RateLimits {
    /// Enforced.
    On,
    /// Not enforced and not counted.
    Off,
}

/// Whether responses are checked against the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Contract {
    /// None is checked.
    Off,
    /// A share is checked; violations are counted and logged, and the response is sent.
    Sample,
    /// All are checked; a violation is a 500 instead, and ends a stream.
    Enforce,
}

impl Contract {
    const DEFAULT: Self = if cfg!(debug_assertions) { Self::Enforce } else { Self::Sample };
}

fn share(text: &str) -> Result<f64, InvalidSettings> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| InvalidSettings("not a number from 0 to 1".into()))
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
