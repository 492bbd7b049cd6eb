//! The connection to Redis.

use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret;

use crate::redis_url::{self, RedisPlace};
use crate::secrets::is_known_password;
use crate::{Environment, InvalidSettings, Secret, SecretParser, given};

/// Where Redis is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisSettings {
    /// Connection URL; without one there is no cache, and messages are read from the database. Encrypted: `rediss://HOST/0`, with
    /// `?ssl_ca_certs=FILE`; by Sentinel: `redis-sentinel://HOST,HOST/0?master=NAME`
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_parser = SecretParser)]
    pub redis_url: Option<Secret>,
    /// Connection URL of a separate Redis for the cache, which may evict keys; default: REDIS_URL
    #[arg(long, env = "CACHE_REDIS_URL", hide_env_values = true, value_parser = SecretParser)]
    pub cache_redis_url: Option<Secret>,
    /// Maximum number of connections of the pool, per process
    #[arg(long, env = "REDIS_POOL_SIZE", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub redis_pool_size: u32,
    /// Timeout of commands and of connecting, in milliseconds
    #[arg(long, env = "REDIS_TIMEOUT_MS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    pub redis_timeout_ms: u32,
    /// Prefix of every key; deployments that share a Redis need a distinct one each
    #[arg(long, env = "REDIS_PREFIX", default_value = "")]
    pub redis_prefix: String,
}

impl RedisSettings {
    /// How long Redis may take to respond, or to accept a connection.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.redis_timeout_ms.into())
    }

    pub(crate) fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        let urls = [("REDIS_URL", &self.redis_url), ("CACHE_REDIS_URL", &self.cache_redis_url)];
        let urls = urls.iter().filter_map(|(name, url)| Some((name, given(url)?)));
        let places = urls.map(|(name, url)| redis_url::parse(name, url.expose_secret()));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let published = |place: &RedisPlace| place.server().redis_settings().password().is_some_and(is_known_password);
        if environment.is_production() && places.iter().any(published) {
            let refusal = "the password of Redis is a well-known one, which production does not accept; generate one: openssl rand -hex 32";
            return Err(InvalidSettings(refusal.into()));
        }
        Ok(())
    }

    /// The settings of the cache: its own Redis if it has one. Without a Redis for the queue there is no cache either.
    #[must_use]
    pub fn for_cache(&self) -> Self {
        let redis_url = if self.is_split() { &self.cache_redis_url } else { &self.redis_url };
        Self { redis_url: redis_url.clone(), ..self.clone() }
    }

    /// Whether the cache has a Redis of its own.
    pub fn is_split(&self) -> bool {
        let own = given(&self.cache_redis_url).map(ExposeSecret::expose_secret);
        own.is_some() && self.url().is_some() && own != self.url()
    }

    /// Where Redis is; `None` when there is none.
    ///
    /// # Errors
    /// When the URL is invalid, or asks for what cannot be had. The error does not repeat it.
    pub fn place(&self) -> Result<Option<RedisPlace>, InvalidSettings> {
        self.url().map(|url| redis_url::parse("REDIS_URL", url)).transpose()
    }

    /// The URL; `None` when it is missing or empty.
    pub fn url(&self) -> Option<&str> {
        given(&self.redis_url).map(ExposeSecret::expose_secret)
    }
}
