//! The connection to Postgres.

use std::net::Ipv6Addr;
use std::time::Duration;

use clap::{Args, FromArgMatches as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::secrets::is_guessed;
use crate::{Environment, InvalidSettings, Secret, SecretParser, each_line};

/// Where Postgres is, and how much of it to use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub struct DatabaseSettings {
    /// Connection URL; takes precedence over POSTGRES_*. A `+driver` in its scheme is ignored
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = SecretParser)]
    pub database_url: Option<Secret>,
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
    #[arg(long, env = "POSTGRES_PASSWORD", hide_env_values = true, value_parser = SecretParser)]
    pub postgres_password: Option<Secret>,
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
    /// The role to log in as, and its password, instead of what the others say.
    #[arg(skip)]
    login: Option<(String, Secret)>,
}

impl DatabaseSettings {
    /// How long a request waits for a connection.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.database_acquire_timeout_ms.into())
    }

    /// The connection URL, put together from its parts when none is given.
    pub fn url(&self) -> SecretString {
        self.urls().swap_remove(0)
    }

    /// The connection URLs, one at least: where the file of a URL or password has several lines, one for each. Files are read each time.
    fn urls(&self) -> Vec<SecretString> {
        let urls = self.urls_of_settings();
        let Some((role, password)) = &self.login else { return urls };
        let own: Vec<_> = each_line(password.current().expose_secret())
            .filter_map(|password| of_role(urls[0].expose_secret(), |_| role.clone(), password))
            .collect();
        if own.is_empty() { urls } else { own }
    }

    fn given_url(&self) -> Option<&Secret> {
        self.database_url.as_ref().filter(|url| each_line(url.expose_secret()).next().is_some())
    }

    fn urls_of_settings(&self) -> Vec<SecretString> {
        if let Some(urls) = self.given_url().map(Secret::current) {
            // SQLAlchemy's `postgresql+asyncpg://`.
            let plain = |url: &str| match url.split_once("://") {
                Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
                None => url.to_owned(),
            };
            return each_line(urls.expose_secret()).map(|url| SecretString::from(plain(url))).collect();
        }
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let host = match self.postgres_server.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if self.postgres_server.starts_with('/') => encode(&self.postgres_server),
            Err(_) => self.postgres_server.clone(),
        };
        let with = |password: &str| {
            SecretString::from(format!(
                "postgresql://{}:{}@{host}:{}/{}",
                encode(&self.postgres_user),
                encode(password),
                self.postgres_port,
                encode(&self.postgres_db)
            ))
        };
        let password = self.postgres_password.as_ref().map(Secret::current);
        let mut urls: Vec<_> = password.iter().flat_map(|text| each_line(text.expose_secret())).map(with).collect();
        if urls.is_empty() {
            urls.push(with(""));
        }
        urls
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
        of_role(self.url().expose_secret(), role, password)
    }

    /// The settings of the same database as another role; `None` when the URL has no user.
    #[must_use]
    pub fn of_role(&self, role: impl FnOnce(&str) -> String, password: &Secret) -> Option<Self> {
        let mut name = None;
        of_role(self.url().expose_secret(), |owner| name.insert(role(owner)).clone(), "")?;
        Some(Self { login: Some((name?, password.clone())), ..self.clone() })
    }

    /// A well-known password of a production database that can be reached gives full access.
    ///
    /// # Errors
    /// In production, when the password is a well-known one.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        self.urls().iter().try_for_each(|url| check_password(url.expose_secret(), environment))?;
        if let Some(url) = self.given_url() {
            url.must(move |urls| {
                each_line(urls)
                    .try_for_each(|url| check_password(url, environment).and_then(|()| options(url).map(drop)))
            })?;
        } else if let Some(password) = &self.postgres_password {
            let user = self.postgres_user.clone();
            password.must(move |text| match each_line(text).any(|password| is_guessed(password, &user)) {
                true if environment.is_production() => Err(guessed()),
                _ => Ok(()),
            })?;
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

    /// The connection options for sqlx. Files of secrets are read each time, which costs little beside opening a connection.
    ///
    /// # Errors
    /// When the URL is invalid. The error does not repeat it.
    pub fn connect_options(&self) -> Result<PgConnectOptions, InvalidSettings> {
        options(self.url().expose_secret())
    }

    /// The same, one for each line of the file of the password (or URL): while it is being changed, the server accepts one of them.
    ///
    /// # Errors
    /// Those of [`DatabaseSettings::connect_options`].
    pub fn all_connect_options(&self) -> Result<Vec<PgConnectOptions>, InvalidSettings> {
        self.urls().iter().map(|url| options(url.expose_secret())).collect()
    }

    /// Opens a connection as `open` does it, with the first password that the server accepts.
    ///
    /// # Errors
    /// Those of `open`; of several passwords that were all rejected that of the first.
    pub async fn open<T, F>(&self, open: impl Fn(PgConnectOptions) -> F) -> sqlx::Result<T>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        let all = self.all_connect_options().map_err(|invalid| sqlx::Error::Configuration(invalid.into()))?;
        let mut rejected = None;
        for options in all {
            match open(options).await {
                Err(error) if is_wrong_password(&error) => rejected = rejected.or(Some(error)),
                done => return done,
            }
        }
        Err(rejected.unwrap_or(sqlx::Error::PoolClosed))
    }
}

/// `invalid_password`, or `invalid_authorization_specification`.
fn is_wrong_password(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "28P01" || code == "28000")
}

fn options(url: &str) -> Result<PgConnectOptions, InvalidSettings> {
    if !url.starts_with("postgres") {
        return Err(InvalidSettings("DATABASE_URL must begin with postgresql://".into()));
    }
    url.parse().map_err(|_| InvalidSettings("DATABASE_URL is not a valid connection URL".into()))
}

/// A URL with another role and its password; `None` when it has no user.
fn of_role(url: &str, role: impl FnOnce(&str) -> String, password: &str) -> Option<SecretString> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (user, _) = rest[..end].rsplit_once('@')?;
    let owner = percent_decode_str(user.split(':').next()?).decode_utf8().ok().filter(|owner| !owner.is_empty())?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let place = &rest[user.len() + 1..];
    Some(SecretString::from(format!("{scheme}://{}:{}@{place}", encode(&role(&owner)), encode(password))))
}

fn check_password(url: &str, environment: Environment) -> Result<(), InvalidSettings> {
    let config = url.parse::<tokio_postgres::Config>().ok();
    let password = config.as_ref().and_then(tokio_postgres::Config::get_password).unwrap_or_default();
    // Without a password, Postgres authenticates clients by other means.
    let user = config.as_ref().and_then(tokio_postgres::Config::get_user).unwrap_or_default();
    let published =
        !password.is_empty() && std::str::from_utf8(password).is_ok_and(|password| is_guessed(password, user));
    if environment.is_production() && published { Err(guessed()) } else { Ok(()) }
}

fn guessed() -> InvalidSettings {
    InvalidSettings(
        "the password of Postgres is a well-known one, which production does not accept; generate one: openssl rand -hex 32"
            .into(),
    )
}
