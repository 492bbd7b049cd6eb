//! The connection to Postgres.

use std::net::Ipv6Addr;
use std::time::Duration;

use clap::{Args, FromArgMatches as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::secret::secret;
use crate::secrets::is_guessed;
use crate::{Environment, InvalidSettings};

/// Where Postgres is, and how much of it to use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub struct DatabaseSettings {
    /// Connection URL; takes precedence over POSTGRES_*. A `+driver` in its scheme is ignored
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Option<SecretString>,
    /// Host, or the directory of a Unix socket
    #[arg(long, env = "POSTGRES_SERVER", default_value = "localhost")]
    pub postgres_server: String,
    /// Port
    #[arg(long, env = "POSTGRES_PORT", default_value_t = 5432)]
    pub postgres_port: u16,
    /// User name
    #[arg(long, env = "POSTGRES_USER", default_value = "postgres")]
    pub postgres_user: String,
    /// Password
    #[arg(long, env = "POSTGRES_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub postgres_password: Option<SecretString>,
    /// Database name
    #[arg(long, env = "POSTGRES_DB", default_value = "app")]
    pub postgres_db: String,
    /// Maximum number of connections of the pool for reads, per process; on small servers more than 8 reduce throughput
    #[arg(long, env = "DATABASE_READ_POOL_SIZE", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub database_read_pool_size: u32,
    /// Maximum number of connections of the pool for writes, per process
    #[arg(long, env = "DATABASE_WRITE_POOL_SIZE", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub database_write_pool_size: u32,
    /// Timeout for acquiring a connection from the pool, in milliseconds, and again for opening a new one; then the request is
    /// rejected with 503
    #[arg(long, env = "DATABASE_ACQUIRE_TIMEOUT_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub database_acquire_timeout_ms: u32,
}

impl DatabaseSettings {
    /// How long a request waits for a connection.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.database_acquire_timeout_ms.into())
    }

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

    /// The settings of one database; everything else has its default.
    ///
    /// # Panics
    /// Never: everything has a default.
    pub fn of_url(url: &str) -> Self {
        let matches =
            Self::augment_args(clap::Command::new("database")).get_matches_from(["database", "--database-url", url]);
        Self::from_arg_matches(&matches).expect("everything else has a default")
    }

    /// The URL of the same database as another role; `None` when the URL has no user.
    pub fn url_as(&self, role: impl FnOnce(&str) -> String, password: &str) -> Option<SecretString> {
        let url = self.url();
        let (scheme, rest) = url.expose_secret().split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (user, _) = rest[..end].rsplit_once('@')?;
        let owner = percent_decode_str(user.split(':').next()?).decode_utf8().ok().filter(|owner| !owner.is_empty())?;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let place = &rest[user.len() + 1..];
        Some(SecretString::from(format!("{scheme}://{}:{}@{place}", encode(&role(&owner)), encode(password))))
    }

    /// A well-known password of a production database that can be reached gives full access.
    ///
    /// # Errors
    /// In production, when the password is a well-known one.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        let config = self.url().expose_secret().parse::<tokio_postgres::Config>().ok();
        let password = config.as_ref().and_then(tokio_postgres::Config::get_password).unwrap_or_default();
        // Without a password, Postgres authenticates clients by other means.
        let user = config.as_ref().and_then(tokio_postgres::Config::get_user).unwrap_or_default();
        let published =
            !password.is_empty() && std::str::from_utf8(password).is_ok_and(|password| is_guessed(password, user));
        if environment.is_production() && published {
            let refusal = "the password of Postgres is a well-known one, which production does not accept; generate one: openssl rand -hex 32";
            return Err(InvalidSettings(refusal.into()));
        }
        Ok(())
    }

    /// Host, port and database for logs and error messages, without the password.
    ///
    /// # Errors
    /// As [`DatabaseSettings::connect_options`].
    pub fn place(&self) -> Result<String, InvalidSettings> {
        let options = self.connect_options()?;
        let host =
            options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Ok(format!("{host}:{}, database {database}, as {}", options.get_port(), options.get_username()))
    }

    /// The connection options for sqlx.
    ///
    /// # Errors
    /// When the URL is invalid. The error does not repeat it.
    pub fn connect_options(&self) -> Result<PgConnectOptions, InvalidSettings> {
        let url = self.url();
        if !url.expose_secret().starts_with("postgres") {
            return Err(InvalidSettings("DATABASE_URL must begin with postgresql://".into()));
        }
        url.expose_secret().parse().map_err(|_| InvalidSettings("DATABASE_URL is not a valid connection URL".into()))
    }
}
