//! Settings: flags, the environment and `.env`, in this order of precedence; `--help` is their documentation.
//!
//! Each group is a clap `Args` of its own, so that a role flattens only what it uses. Values that must stay secret
//! are wrapped: neither `Debug` nor `--help` shows them.

mod auth;
mod consoles;
mod database;
mod dotenv;
mod exposure;
mod http;
mod roles;
mod secrets;
mod traces;

use std::time::Duration;

use clap::{Args, ValueEnum};
use deadpool_redis::redis::IntoConnectionInfo as _;
use secrecy::{ExposeSecret, SecretString};

pub use auth::{Algorithm, AuthSettings};
pub use consoles::ConsoleSettings;
pub use database::DatabaseSettings;
pub use dotenv::load_dotenv;
pub use exposure::{Bind, Environment, ExposureSettings};
pub use http::{HttpSettings, Origins, RateLimits};
pub use roles::RoleSettings;
pub use traces::TraceSettings;

/// Settings that contradict each other or the environment they run in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub(crate) String);

/// What every serving role needs.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Who and where this is.
    #[command(flatten)]
    pub app: AppSettings,
    /// Who may reach it.
    #[command(flatten)]
    pub exposure: ExposureSettings,
    /// How it speaks HTTP.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Where the truth is kept.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Where the cache is.
    #[command(flatten)]
    pub redis: RedisSettings,
    /// Who may come in.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// What it tells its operators.
    #[command(flatten)]
    pub log: LogSettings,
    /// To whom it tells traces.
    #[command(flatten)]
    pub traces: TraceSettings,
}

impl Settings {
    /// Checks what clap cannot: values that are allowed only together or only in development. What kind of deployment this is,
    /// as [`ExposureSettings::effective`] has it.
    ///
    /// # Errors
    /// A development that others could reach. In production, when `SECRET_KEY` is missing, shorter than 32 bytes, one from an
    /// example or one with a pattern, or when everybody knows the password of Postgres or of Redis; argon2 parameters that do
    /// not work together.
    pub fn validate(&self) -> Result<Environment, InvalidSettings> {
        let environment = self.exposure.effective()?;
        self.auth.validate(environment)?;
        self.database.validate(environment)?;
        self.redis.validate(environment)?;
        Ok(environment)
    }
}

/// Name, version and kind of deployment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Deployment")]
pub struct AppSettings {
    /// Name shown by /health and the logs instead of the role's own
    #[arg(long, env = "APP_NAME")]
    pub app_name: Option<String>,
    /// Version shown by /health instead of the program's own
    #[arg(long, env = "APP_VERSION")]
    pub app_version: Option<String>,
    /// Log debug events as well
    #[arg(long, env = "DEBUG", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub debug: bool,
}

/// Where Redis is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisSettings {
    /// Connection URL; without one the services work uncached
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = secret)]
    pub redis_url: Option<SecretString>,
    /// Connection URL of another Redis for what may be thrown away at any time; REDIS_URL's when absent
    #[arg(long, env = "CACHE_REDIS_URL", hide_env_values = true, value_parser = secret)]
    pub cache_redis_url: Option<SecretString>,
    /// Connections per process
    #[arg(long, env = "REDIS_POOL", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub redis_pool: u32,
    /// Milliseconds Redis has to answer, or to take a connection; longer, and it counts as away
    #[arg(long, env = "REDIS_TIMEOUT_MS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub redis_timeout_ms: u32,
    /// What every key begins with; deployments that share a Redis need one each, or take each other's messages
    #[arg(long, env = "REDIS_PREFIX", default_value = "")]
    pub redis_prefix: String,
}

impl RedisSettings {
    /// How long an answer may take, or opening a connection.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.redis_timeout_ms.into())
    }

    fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        let published = |url: &SecretString| {
            let parsed = url.expose_secret().into_connection_info().ok();
            parsed.is_some_and(|info| info.redis_settings().password().is_some_and(secrets::is_known_password))
        };
        if environment.is_production() && [&self.redis_url, &self.cache_redis_url].into_iter().flatten().any(published)
        {
            let refusal = "the password of Redis is one that everybody knows; production needs one of its own: openssl rand -hex 32";
            return Err(InvalidSettings(refusal.into()));
        }
        Ok(())
    }

    /// The same settings for what is only a cache: its own Redis, if it has one. Without a queue there is no cache either.
    #[must_use]
    pub fn for_cache(&self) -> Self {
        let redis_url = if self.is_split() { &self.cache_redis_url } else { &self.redis_url };
        Self { redis_url: redis_url.clone(), ..self.clone() }
    }

    /// Whether the cache has a Redis of its own.
    pub fn is_split(&self) -> bool {
        let own = self.cache_redis_url.as_ref().map(ExposeSecret::expose_secret).filter(|url| !url.is_empty());
        own.is_some() && self.url().is_some() && own != self.url()
    }

    /// Where it is, for a person: without the password.
    pub fn place(&self) -> String {
        let info = self.url().and_then(|url| url.into_connection_info().ok());
        info.map_or_else(|| "nowhere".to_owned(), |info| info.addr().to_string())
    }

    /// The URL, unless it is missing or empty.
    pub fn url(&self) -> Option<&str> {
        self.redis_url.as_ref().map(ExposeSecret::expose_secret).filter(|url| !url.is_empty())
    }
}

/// What is logged, and in which form.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// Form of a log line
    #[arg(long, env = "LOG_FORMAT", value_enum, ignore_case = true, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,access=warn`
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape clap wants")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

/// The environment variable of a service or role: `tasks`, `PORT` is `TASKS_PORT`.
pub fn variable(service: &str, setting: &str) -> String {
    format!("{}_{setting}", service.to_uppercase().replace('-', "_"))
}
