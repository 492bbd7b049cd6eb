//! The connection to Postgres.

use std::net::Ipv6Addr;
use std::time::Duration;

use clap::{Args, FromArgMatches as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::postgres_url::{self, PostgresUrl};
use crate::secrets::is_guessed;
use crate::{Environment, InvalidSettings, Secret, SecretParser, each_line};

/// Where Postgres is, and how much of it to use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Postgres")]
pub struct DatabaseSettings {
    /// Connection URL; takes precedence over POSTGRES_*. Of several servers, `host1:5432,host2:5432`, the one that accepts writes is used;
    /// `?sslmode=verify-full&sslrootcert=FILE` encrypts. A `+driver` in its scheme is ignored
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = SecretParser)]
    pub database_url: Option<Secret>,
    /// Connection URL of replicas, `host1:5432,host2:5432`, for operations whose document says that they may read from one (`x-read`)
    #[arg(long, env = "DATABASE_READ_URL", hide_env_values = true, value_parser = SecretParser)]
    pub database_read_url: Option<Secret>,
    /// A replica that is further behind is not read from, in milliseconds
    #[arg(long, env = "DATABASE_REPLICA_MAX_LAG_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=30_000))]
    pub database_replica_max_lag_ms: u32,
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
    /// Of the servers of the URL only this one.
    #[arg(skip)]
    only: Option<usize>,
}

impl DatabaseSettings {
    /// How long a request waits for a connection.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.database_acquire_timeout_ms.into())
    }

    /// The same at another URL.
    #[must_use]
    pub fn at(&self, url: Secret) -> Self {
        Self { database_url: Some(url), ..self.clone() }
    }

    /// How old what a replica has may be.
    pub fn replica_max_lag(&self) -> Duration {
        Duration::from_millis(self.database_replica_max_lag_ms.into())
    }

    /// The settings of each replica, by its place; none when there are none.
    ///
    /// # Errors
    /// When the URL is invalid. The error does not repeat it.
    pub fn replicas(&self) -> Result<Vec<(String, Self)>, InvalidSettings> {
        let Some(url) = self.database_read_url.as_ref().filter(|url| !url.expose_secret().is_empty()) else {
            return Ok(Vec::new());
        };
        let all = self.at(url.clone());
        let named = |error: InvalidSettings| InvalidSettings(error.0.replace("DATABASE_URL", "DATABASE_READ_URL"));
        let count = all.servers().map_err(named)?.len() / all.urls().len();
        let one = |at| {
            let one = Self { only: Some(at), ..all.clone() };
            Ok((one.place()?.split(", database").next().unwrap_or_default().to_owned(), one))
        };
        (0..count).map(one).collect()
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
    /// When the URL is invalid; in production, when the password is a well-known one.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        self.urls().iter().try_for_each(|url| check(url.expose_secret(), environment))?;
        if let Some(url) = self.database_read_url.as_ref().filter(|url| !url.expose_secret().is_empty()) {
            url.must(move |urls| {
                let checked = each_line(urls).try_for_each(|url| check(&plain(url), environment));
                checked.map_err(|error| InvalidSettings(error.0.replace("DATABASE_URL", "DATABASE_READ_URL")))
            })?;
        }
        if let Some(url) = self.given_url() {
            url.must(move |urls| each_line(urls).try_for_each(|url| check(&plain(url), environment)))?;
        } else if let Some(password) = &self.postgres_password {
            let user = self.postgres_user.clone();
            password.must(move |text| match each_line(text).any(|password| is_guessed(password, &user)) {
                true if environment.is_production() => Err(guessed()),
                _ => Ok(()),
            })?;
        }
        Ok(())
    }

    /// Hosts, ports and database for logs and error messages, without the password.
    ///
    /// # Errors
    /// As [`DatabaseSettings::servers`].
    pub fn place(&self) -> Result<String, InvalidSettings> {
        let servers = self.servers()?;
        let place = |options: &PgConnectOptions| {
            let host =
                options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            format!("{host}:{}", options.get_port())
        };
        let mut places: Vec<_> = servers.iter().map(place).collect();
        // With two passwords each is there twice.
        let known = places.len() / self.urls().len().max(1);
        places.truncate(known.max(1));
        let Some(options) = servers.first() else { return Err(InvalidSettings("DATABASE_URL names no server".into())) };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Ok(format!("{}, database {database}, as {}", places.join(","), options.get_username()))
    }

    /// The connection options of each server, in the order of the URL, with each password that may be the present one (the lines of its
    /// file); at least one. Only one server accepts writes. Files are read each time, which costs little beside opening a connection.
    ///
    /// # Errors
    /// When the URL is invalid, or asks for what cannot be had. The error does not repeat it.
    pub fn servers(&self) -> Result<Vec<PgConnectOptions>, InvalidSettings> {
        let servers = |url: SecretString| {
            let servers = postgres_url::parse(url.expose_secret())?.servers;
            Ok(match self.only {
                Some(at) => servers.into_iter().skip(at).take(1).collect(),
                None => servers,
            })
        };
        Ok(self.urls().into_iter().map(servers).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// A URL without SQLAlchemy's driver: `postgresql+asyncpg://`.
fn plain(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.split('+').next().unwrap_or(scheme)),
        None => url.to_owned(),
    }
}

/// A URL with another role and its password; `None` when it has no user.
fn of_role(url: &str, role: impl FnOnce(&str) -> String, password: &str) -> Option<SecretString> {
    let owner = postgres_url::parse(url).ok()?.user?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let login = format!("{}:{}", encode(&role(&owner)), encode(password));
    Some(SecretString::from(postgres_url::with_login(url, &login)))
}

/// Whether a URL can be used; its password must not be a well-known one in production.
fn check(url: &str, environment: Environment) -> Result<(), InvalidSettings> {
    let PostgresUrl { servers, password, .. } = postgres_url::parse(url)?;
    // Without a password, Postgres authenticates clients by other means.
    let user = servers.first().map(PgConnectOptions::get_username).unwrap_or_default();
    if environment.is_production() && !password.is_empty() && is_guessed(&password, user) {
        Err(guessed())
    } else {
        Ok(())
    }
}

fn guessed() -> InvalidSettings {
    InvalidSettings(
        "the password of Postgres is a well-known one, which production does not accept; generate one: openssl rand -hex 32"
            .into(),
    )
}
