//! Settings: flags, the environment and `.env`, in this order of precedence; `--help` is their documentation.
//!
//! Each group is a clap `Args` of its own, so that a role flattens only what it uses. Values that must stay secret
//! are wrapped: neither `Debug` nor `--help` shows them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

/// Settings that contradict each other or the environment they run in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub(crate) String);

/// Reads `.env` of the working directory or one above it into the environment; what is already set wins.
///
/// Call it first thing in `main`, before any thread runs. A missing file is fine.
///
/// # Errors
/// When the file is there and cannot be read or parsed.
pub fn load_dotenv() -> Result<(), InvalidSettings> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The error repeats the line it failed on, which may hold a secret.
        Err(dotenvy::Error::LineParse(_, column)) => {
            Err(InvalidSettings(format!(".env has a line that cannot be parsed (at column {column})")))
        }
        Err(error) => Err(InvalidSettings(format!("cannot read .env: {error}"))),
    }
}

/// What every serving role needs.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Who and where this is.
    #[command(flatten)]
    pub app: AppSettings,
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
}

impl Settings {
    /// Checks what clap cannot: values that are allowed only together or only in development.
    ///
    /// # Errors
    /// In production, when `SECRET_KEY` is missing, shorter than 32 bytes or one from an example; argon2
    /// parameters that do not work together.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        self.auth.validate(self.app.environment)
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
    /// What kind of deployment this is: production refuses weak secrets and closes demo accounts
    #[arg(long, env = "ENVIRONMENT", value_enum, ignore_case = true, default_value_t = Environment::Development)]
    pub environment: Environment,
}

/// What kind of deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// Demo data, a default secret, open benchmark endpoints.
    #[value(alias = "dev", alias = "local", alias = "test")]
    Development,
    /// None of that.
    #[value(alias = "prod", alias = "staging")]
    Production,
}

impl Environment {
    /// Whether this is [`Environment::Production`].
    pub fn is_production(self) -> bool {
        self == Self::Production
    }
}

/// Listening, limits and CORS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpSettings {
    /// Address to listen on
    #[arg(long, env = "BIND_ADDRESS", default_value = "0.0.0.0")]
    pub bind_address: IpAddr,
    /// Web origins whose pages may call the services: a JSON list or comma separated; `*` for any, without credentials
    #[arg(long, env = "BACKEND_CORS_ORIGINS", default_value = "")]
    pub backend_cors_origins: Origins,
    /// Requests a service works on at once; more wait a moment, then get 503
    #[arg(long, env = "HTTP_CONCURRENCY", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_concurrency: u32,
    /// Connections a service holds open at once; more wait in the kernel's queue
    #[arg(long, env = "HTTP_MAX_CONNECTIONS", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..))]
    pub http_max_connections: u32,
    /// Milliseconds between the announcement of a shutdown (readiness 503) and the end of listening
    #[arg(long, env = "SHUTDOWN_DRAIN_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(..=10_000))]
    pub shutdown_drain_ms: u64,
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

/// Where Postgres is, and how much of it to use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub struct DatabaseSettings {
    /// Connection URL; wins over the POSTGRES_* parts. A `+driver` in its scheme is ignored
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Option<SecretString>,
    /// Host, or the directory of a Unix socket
    #[arg(long, env = "POSTGRES_SERVER", default_value = "localhost")]
    pub postgres_server: String,
    /// Port
    #[arg(long, env = "POSTGRES_PORT", default_value_t = 5432)]
    pub postgres_port: u16,
    /// Role to log in as
    #[arg(long, env = "POSTGRES_USER", default_value = "postgres")]
    pub postgres_user: String,
    /// Its password
    #[arg(long, env = "POSTGRES_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub postgres_password: Option<SecretString>,
    /// Database name
    #[arg(long, env = "POSTGRES_DB", default_value = "app")]
    pub postgres_db: String,
    /// Connections for reading, per process; more than 4-8 made a small server slower
    #[arg(long, env = "DATABASE_READ_POOL", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub database_read_pool: u32,
    /// Connections for writing, per process
    #[arg(long, env = "DATABASE_WRITE_POOL", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub database_write_pool: u32,
}

impl DatabaseSettings {
    /// The connection URL, put together from its parts when none is given.
    pub fn url(&self) -> SecretString {
        let given = self.database_url.as_ref().map(ExposeSecret::expose_secret).filter(|url| !url.is_empty());
        if let Some(url) = given {
            // SQLAlchemy's `postgresql+asyncpg://`.
            let url = match url.split_once("://") {
                Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
                None => url.to_owned(),
            };
            return SecretString::from(url);
        }
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = self.postgres_password.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        let host = match self.postgres_server.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if self.postgres_server.starts_with('/') => encode(&self.postgres_server),
            Err(_) => self.postgres_server.clone(),
        };
        SecretString::from(format!(
            "postgresql://{}:{}@{host}:{}/{}",
            encode(&self.postgres_user),
            encode(password),
            self.postgres_port,
            encode(&self.postgres_db)
        ))
    }

    /// The same for sqlx.
    ///
    /// # Errors
    /// When the URL is not one. The error does not repeat it.
    pub fn connect_options(&self) -> Result<PgConnectOptions, InvalidSettings> {
        let url = self.url();
        if !url.expose_secret().starts_with("postgres") {
            return Err(InvalidSettings("DATABASE_URL must begin with postgresql://".into()));
        }
        url.expose_secret().parse().map_err(|_| InvalidSettings("DATABASE_URL is not a valid connection URL".into()))
    }
}

/// Where Redis is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisSettings {
    /// Connection URL; without one the services work uncached
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = secret)]
    pub redis_url: Option<SecretString>,
    /// Connections per process
    #[arg(long, env = "REDIS_POOL", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub redis_pool: u32,
}

impl RedisSettings {
    /// The URL, unless it is missing or empty.
    pub fn url(&self) -> Option<&str> {
        self.redis_url.as_ref().map(ExposeSecret::expose_secret).filter(|url| !url.is_empty())
    }
}

/// Tokens and passwords.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct AuthSettings {
    /// Key that signs access tokens, the same for every service; at least 32 bytes in production
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_parser = secret)]
    pub secret_key: Option<SecretString>,
    /// Signature algorithm of access tokens
    #[arg(long, env = "ALGORITHM", value_enum, default_value_t = Algorithm::Hs256)]
    pub algorithm: Algorithm,
    /// Life of an access token in minutes
    #[arg(long, env = "ACCESS_TOKEN_EXPIRE_MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub access_token_expire_minutes: u32,
    /// Characters a new password must have
    #[arg(long, env = "PASSWORD_MIN_LENGTH", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub password_min_length: u32,
    /// argon2id memory in KiB
    #[arg(long, env = "ARGON2_MEMORY_KIB", default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    pub argon2_memory_kib: u32,
    /// argon2id passes
    #[arg(long, env = "ARGON2_ITERATIONS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub argon2_iterations: u32,
    /// argon2id lanes
    #[arg(long, env = "ARGON2_PARALLELISM", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub argon2_parallelism: u32,
    /// Passwords that may wait to be hashed; more get 503
    #[arg(long, env = "HASHING_QUEUE", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hashing_queue: u32,
}

/// The symmetric algorithms an access token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Algorithm {
    /// HMAC with SHA-256
    #[value(name = "HS256")]
    Hs256,
    /// HMAC with SHA-384
    #[value(name = "HS384")]
    Hs384,
    /// HMAC with SHA-512
    #[value(name = "HS512")]
    Hs512,
}

/// Signs tokens in development when `SECRET_KEY` is not set, so that a token survives a restart.
const DEVELOPMENT_KEY: &str = "development-only-key-never-used-in-production";
/// Pieces of keys that examples and tutorials publish.
const PUBLISHED: [&str; 8] =
    ["changeme", "change-me", "change_me", "change this", "changethis", "example", "your-secret", "development-only"];
/// RFC 7518, 3.2: a key is at least as long as the hash.
const SHORTEST_KEY: usize = 32;

impl AuthSettings {
    /// The signing key; a fixed one in development when none is set.
    pub fn signing_key(&self) -> &[u8] {
        self.given_key().unwrap_or(DEVELOPMENT_KEY).as_bytes()
    }

    /// How long an access token lives.
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.access_token_expire_minutes) * 60)
    }

    fn given_key(&self) -> Option<&str> {
        self.secret_key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty())
    }

    fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        if self.argon2_memory_kib < 8 * self.argon2_parallelism {
            return Err(InvalidSettings("ARGON2_MEMORY_KIB must be at least 8 times ARGON2_PARALLELISM".into()));
        }
        if !environment.is_production() {
            return Ok(());
        }
        let refusal = match self.given_key() {
            None => "is missing",
            Some(key) if key.len() < SHORTEST_KEY => "is shorter than 32 bytes",
            Some(key) if is_published(key) => "is one from an example",
            Some(_) => return Ok(()),
        };
        Err(InvalidSettings(format!("SECRET_KEY {refusal}; production needs one of its own: openssl rand -hex 32")))
    }
}

fn is_published(key: &str) -> bool {
    let lower = key.to_lowercase();
    let first = key.as_bytes().first();
    PUBLISHED.iter().any(|piece| lower.contains(piece)) || key.bytes().all(|byte| Some(&byte) == first)
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

impl fmt::Display for Environment {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(if self.is_production() { "production" } else { "development" })
    }
}
