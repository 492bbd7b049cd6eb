//! Redis: wake-up notifications, cache and rate limits, never the source of truth. Everything that uses it must work without it.
//!
//! A network can lose a connection without notifying either side. A command has a timeout; connections without one, idle ones of
//! the pool and those of subscribers, are pinged.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::{self, AsyncConnectionConfig, RedisError, ServerErrorKind};
use deadpool_redis::{Connection, PoolError, TimeoutType};
use futures_util::StreamExt as _;
use platform_background::jittered;
use platform_settings::{InvalidSettings, RedisSettings};
use tokio::time::{sleep, timeout};

use crate::redis_server::{Servers, is_replica, late};

/// A subscriber that received nothing for this long pings Redis.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// What a probe writes is gone after this long.
const PROBE_LIFETIME: Duration = Duration::from_secs(60);
/// Between two attempts to subscribe.
const RESUBSCRIBE_DELAY: Duration = Duration::from_millis(500);

/// A pool of Redis connections, opened on demand. Clones share them.
#[derive(Clone)]
pub struct Cache {
    servers: Arc<Servers>,
    prefix: Arc<str>,
    /// The timeout of a response, and of opening or testing a connection. Blocking commands need a dedicated connection with a
    /// longer one.
    timeout: Duration,
}

impl Cache {
    /// Creates the pool; `None` when no URL is set. Every key should begin with the prefix of the deployment and this
    /// `prefix`, see [`Cache::key`].
    ///
    /// # Errors
    /// When the URL is not a valid Redis URL.
    pub fn new(settings: &RedisSettings, prefix: &str) -> Result<Option<Self>, InvalidSettings> {
        let Some(place) = settings.place()? else { return Ok(None) };
        let servers = Arc::new(Servers::new(place, settings)?);
        let prefix = format!("{}{prefix}", settings.redis_prefix).into();
        Ok(Some(Self { servers, prefix, timeout: settings.timeout() }))
    }

    /// Where it is, for logs and error messages, without the password.
    pub fn place(&self) -> String {
        self.servers.place()
    }

    /// How long Redis may take to respond before it counts as unavailable.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection that responds.
    ///
    /// # Errors
    /// When Redis cannot be reached within the timeout.
    pub async fn connection(&self) -> Result<Connection, PoolError> {
        let pool = self.servers.find().await?.pool;
        // The pool tests one idle connection after the other, each with a timeout of its own.
        let connection = timeout(self.timeout, pool.get()).await.unwrap_or_else(|_| {
            // An idle connection does not respond: most likely the others do not, either.
            drop(pool.retain(|_, _| false));
            Err(PoolError::Timeout(TimeoutType::Recycle))
        });
        if connection.is_err() {
            self.servers.doubt();
        }
        connection
    }

    /// A dedicated connection for commands that block for less than `patience`; on a pooled one they would time out, and the
    /// response would be read by the next user of the connection.
    ///
    /// # Errors
    /// When Redis cannot be reached within the timeout.
    pub async fn dedicated(&self, patience: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(patience));
        let client = self.servers.find().await?.client;
        let opened = client.get_multiplexed_async_connection_with_config(&config).await;
        let Ok(mut connection) = opened else {
            self.servers.doubt();
            return opened;
        };
        // What Sentinel knew a moment ago may be a replica by now.
        if self.servers.is_by_sentinel() && is_replica(&mut connection).await {
            self.servers.doubt();
            return Err((redis::ErrorKind::Server(ServerErrorKind::ReadOnly), "the server is a replica").into());
        }
        Ok(connection)
    }

    /// Subscribes to a channel for as long as it is polled, on a dedicated connection that is reopened when it is lost or does
    /// not respond any more. Messages published in between are missed.
    pub async fn hear<F: Future<Output = ()>>(&self, channel: &str, mut heard: impl FnMut(String) -> F) {
        loop {
            // Whatever ended it, subscribe again.
            let _ = self.hear_once(channel, &mut heard).await;
            sleep(jittered(RESUBSCRIBE_DELAY)).await;
        }
    }

    async fn hear_once<F: Future<Output = ()>>(
        &self,
        channel: &str,
        heard: &mut impl FnMut(String) -> F,
    ) -> Result<(), RedisError> {
        let subscribe = async {
            let (mut sink, messages) = self.servers.find().await?.client.get_async_pubsub().await?.split();
            sink.subscribe(channel).await?;
            Ok::<_, RedisError>((sink, messages))
        };
        let (mut sink, mut messages) = self.in_time(subscribe).await?;
        loop {
            match timeout(PING_INTERVAL, messages.next()).await {
                Ok(Some(message)) => heard(message.get_payload().unwrap_or_default()).await,
                Ok(None) => return Ok(()),
                Err(_) => self.in_time(sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
        let done = timeout(self.timeout, work).await.unwrap_or_else(|_| Err(late()));
        if done.is_err() {
            self.servers.doubt();
        }
        done
    }

    /// The full name of a key.
    pub fn key(&self, name: impl fmt::Display) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Writes to Redis: one that only responds is a replica, or full.
    ///
    /// # Errors
    /// When Redis is unavailable, or accepts no writes.
    pub async fn probe(&self) -> Result<(), CacheError> {
        let mut connection = self.connection().await?;
        Ok(self.probe_on(&mut connection).await?)
    }

    /// The same on a connection of the caller's.
    ///
    /// # Errors
    /// As [`Cache::probe`].
    pub async fn probe_on(&self, connection: &mut impl ConnectionLike) -> Result<(), RedisError> {
        let mut write = redis::cmd("SET");
        write.arg(self.key("probe")).arg(1).arg("PX").arg(PROBE_LIFETIME.as_millis() as u64);
        write.query_async(connection).await
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Cache").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// A Redis operation failed.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// No connection.
    #[error("no connection to Redis: {0}")]
    Pool(#[from] PoolError),
    /// A command failed.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
}
