//! Redis: the doorbell, the cache and the limiter, never the truth. Whoever uses it must work without it.

use std::fmt;
use std::time::Duration;

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{self, AsyncConnectionConfig, Client, RedisError};
use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime};
use tokio::time::timeout;

use crate::settings::{InvalidSettings, RedisSettings};

/// A pool of Redis connections, opened when they are needed. Clones share them.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    pool: Pool,
    prefix: std::sync::Arc<str>,
    /// How long an answer may take, or opening or testing a connection. Blocking commands need a connection of their own with
    /// a longer one.
    timeout: Duration,
}

impl Cache {
    /// Prepares the pool; `None` when no URL is set. Every key should begin with the prefix of the deployment and this
    /// `prefix`, see [`Cache::key`].
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(settings: &RedisSettings, prefix: &str) -> Result<Option<Self>, InvalidSettings> {
        let Some(url) = settings.url() else { return Ok(None) };
        let invalid = |_| InvalidSettings("REDIS_URL is not a valid connection URL".into());
        let timeout = settings.timeout();
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
        let client = Client::open(url).map_err(invalid)?;
        let manager = Manager::new_with_config(url, config).map_err(invalid)?;
        let pool = Pool::builder(manager)
            .max_size(settings.redis_pool as usize)
            // All of them in use is no reason to wait that long.
            .wait_timeout(Some(timeout / 2))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| InvalidSettings(format!("the Redis pool cannot be built: {error}")))?;
        Ok(Some(Self { client, pool, prefix: format!("{}{prefix}", settings.redis_prefix).into(), timeout }))
    }

    /// How long Redis has to answer before it counts as away.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection, in time or not at all.
    ///
    /// # Errors
    /// When Redis cannot be reached in time.
    pub async fn connection(&self) -> Result<Connection, PoolError> {
        self.pool.get().await
    }

    /// A connection of one's own for commands that block for less than `patience`; a pooled one would give up on them
    /// and hand the answer to whoever comes next.
    ///
    /// # Errors
    /// When Redis cannot be reached in time.
    pub async fn dedicated(&self, patience: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(patience));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection of one's own to listen on.
    ///
    /// # Errors
    /// When Redis cannot be reached in time.
    pub async fn listener(&self) -> Result<PubSub, RedisError> {
        let patience = std::io::Error::from(std::io::ErrorKind::TimedOut);
        timeout(self.timeout, self.client.get_async_pubsub()).await.unwrap_or_else(|_| Err(patience.into()))
    }

    /// The full name of a key.
    pub fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        Ok(())
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Cache").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

/// Redis did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// No connection.
    #[error("no connection to Redis: {0}")]
    Pool(#[from] PoolError),
    /// A command failed.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
}
