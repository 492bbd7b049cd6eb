//! Redis: wake-up notifications, cache and rate limits, never the source of truth. Everything that uses it must work without it.
//!
//! A network can lose a connection without notifying either side. A command has a timeout; connections without one, idle ones of
//! the pool and those of subscribers, are pinged.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::{self, AsyncConnectionConfig, Client, RedisError, Value};
use deadpool_redis::{Connection, Hook, HookError, Manager, Pool, PoolError, Runtime, TimeoutType};
use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};

/// A subscriber that received nothing for this long pings Redis.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// What a probe writes is gone after this long.
const PROBE_LIFETIME: Duration = Duration::from_secs(60);
/// How often a connection that is used again is asked whether its server is still the primary.
const ROLE_INTERVAL: Duration = Duration::from_secs(1);
/// Between two attempts to subscribe.
const RESUBSCRIBE_DELAY: Duration = Duration::from_millis(500);

use platform_background::jittered;
use platform_settings::{InvalidSettings, RedisSettings};

/// A pool of Redis connections, opened on demand. Clones share them.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    pool: Pool,
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
        let Some(url) = settings.url() else { return Ok(None) };
        let invalid = |_| InvalidSettings("REDIS_URL is not a valid connection URL".into());
        let timeout = settings.timeout();
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
        let client = Client::open(url).map_err(invalid)?;
        let manager = Manager::new_with_config(url, config).map_err(invalid)?;
        let pool = Pool::builder(manager)
            .max_size(settings.redis_pool_size as usize)
            // An exhausted pool is no reason to wait for the whole timeout.
            .wait_timeout(Some(timeout / 2))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            .runtime(Runtime::Tokio1)
            .post_recycle(of_primary())
            .build()
            .map_err(|error| InvalidSettings(format!("the Redis pool cannot be built: {error}")))?;
        Ok(Some(Self { client, pool, prefix: format!("{}{prefix}", settings.redis_prefix).into(), timeout }))
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
        // The pool tests one idle connection after the other, each with a timeout of its own.
        match timeout(self.timeout, self.pool.get()).await {
            Ok(connection) => connection,
            Err(_) => {
                // An idle connection does not respond: most likely the others do not, either.
                drop(self.pool.retain(|_, _| false));
                Err(PoolError::Timeout(TimeoutType::Recycle))
            }
        }
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
        self.client.get_multiplexed_async_connection_with_config(&config).await
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
            let (mut sink, messages) = self.client.get_async_pubsub().await?.split();
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
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        timeout(self.timeout, work).await.unwrap_or_else(|_| Err(late.into()))
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

/// When a connection of the pool was last asked for the role of its server, and which connections are too old.
struct Roles {
    asked: Instant,
    opened_before: Instant,
}

/// Drops connections to a server that was the primary when they were opened and is a replica now: the address may lead to another by now.
/// One of them is asked from time to time, and speaks for those that are as old.
fn of_primary() -> Hook {
    let now = Instant::now();
    let roles = Arc::new(Mutex::new(Roles { asked: now, opened_before: now }));
    Hook::async_fn(move |connection, metrics| {
        let roles = Arc::clone(&roles);
        Box::pin(async move {
            let due = {
                let mut roles = roles.lock().unwrap_or_else(PoisonError::into_inner);
                if metrics.created < roles.opened_before {
                    return Err(HookError::message("the server was demoted"));
                }
                let due = roles.asked.elapsed() > ROLE_INTERVAL;
                if due {
                    roles.asked = Instant::now();
                }
                due
            };
            if !due {
                return Ok(());
            }
            // Whoever may not ask is told by what fails.
            let role = redis::cmd("ROLE").query_async::<Vec<Value>>(connection).await.unwrap_or_default();
            if !matches!(role.first(), Some(Value::BulkString(role)) if role != b"master") {
                return Ok(());
            }
            roles.lock().unwrap_or_else(PoisonError::into_inner).opened_before = Instant::now();
            Err(HookError::message("the server was demoted"))
        })
    })
}

impl fmt::Debug for Cache {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Cache").field("pool", &self.pool.status()).finish_non_exhaustive()
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
