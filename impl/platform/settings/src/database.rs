//! The connection to Postgres.

use std::net::Ipv6Addr;
use std::time::Duration;

use clap::{Args, FromArgMatches as _};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::postgres_url::{self, PostgresUrl};
use crate::secrets::is_guessed;
use crate::url_parts::encoded;
use crate::{Environment, InvalidSettings, Secret, SecretParser, each_line, given};

/// The settings that connection URLs come from.
const URL: &str = "DATABASE_URL";
const READ_URL: &str = "DATABASE_READ_URL";

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
    /// The setting that the URL comes from, if it is another one.
    #[arg(skip)]
    setting: Option<&'static str>,
}

impl DatabaseSettings {
    /// How long a request waits for a connection.
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.database_acquire_timeout_ms.into())
    }

    /// The same at the URL of another setting.
    #[must_use]
    pub fn at(&self, setting: &'static str, url: &Secret) -> Self {
        Self { database_url: Some(url.clone()), setting: Some(setting), ..self.clone() }
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
        let Some(url) = given(&self.database_read_url) else { return Ok(Vec::new()) };
        let all = self.at(READ_URL, url);
        let servers = all.servers_of(&all.url())?;
        let one = |(at, options)| (address(options), Self { only: Some(at), ..all.clone() });
        Ok(servers.iter().enumerate().map(one).collect())
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
        let host = match self.postgres_server.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if self.postgres_server.starts_with('/') => encoded(&self.postgres_server),
            Err(_) => self.postgres_server.clone(),
        };
        let with = |password: &str| {
            SecretString::from(format!(
                "postgresql://{}:{}@{host}:{}/{}",
                encoded(&self.postgres_user),
                encoded(password),
                self.postgres_port,
                encoded(&self.postgres_db)
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
        let setting = self.setting();
        self.urls().iter().try_for_each(|url| check(setting, url.expose_secret(), environment))?;
        let all =
            |setting| move |urls: &str| each_line(urls).try_for_each(|url| check(setting, &plain(url), environment));
        if let Some(url) = given(&self.database_read_url) {
            url.must(all(READ_URL))?;
        }
        if let Some(url) = self.given_url() {
            url.must(all(setting))?;
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
        let servers = self.servers_of(&self.url())?;
        let Some(options) = servers.first() else {
            return Err(InvalidSettings(format!("{} names no server", self.setting())));
        };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let places: Vec<_> = servers.iter().map(address).collect();
        Ok(format!("{}, database {database}, as {}", places.join(","), options.get_username()))
    }

    /// The connection options of each server, in the order of the URL, with each password that may be the present one (the lines of its
    /// file); at least one. Only one server accepts writes. Files are read each time, which costs little beside opening a connection.
    ///
    /// # Errors
    /// When the URL is invalid, or asks for what cannot be had. The error does not repeat it.
    pub fn servers(&self) -> Result<Vec<PgConnectOptions>, InvalidSettings> {
        Ok(self.urls().iter().map(|url| self.servers_of(url)).collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn servers_of(&self, url: &SecretString) -> Result<Vec<PgConnectOptions>, InvalidSettings> {
        let servers = postgres_url::parse(self.setting(), url.expose_secret())?.servers;
        Ok(match self.only {
            Some(at) => servers.into_iter().skip(at).take(1).collect(),
            None => servers,
        })
    }

    fn setting(&self) -> &'static str {
        self.setting.unwrap_or(URL)
    }
}

/// Host and port.
fn address(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{host}:{}", options.get_port())
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
    let owner = postgres_url::parse(URL, url).ok()?.user?;
    let login = format!("{}:{}", encoded(&role(&owner)), encoded(password));
    Some(SecretString::from(postgres_url::with_login(url, &login)))
}

/// Whether a URL can be used; its password must not be a well-known one in production.
fn check(setting: &str, url: &str, environment: Environment) -> Result<(), InvalidSettings> {
    let PostgresUrl { servers, password, .. } = postgres_url::parse(setting, url)?;
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
