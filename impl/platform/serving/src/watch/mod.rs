//! The state of Postgres and Redis as this process sees them: polled on dedicated connections, and exported as metrics.
//!
//! No exporters are needed beside the services, and the metrics show what matters: whether the servers can be reached from where
//! they are needed. An exhausted pool does not matter here, since no pool is used.
//!
//! Every process reports whether a server responds. Values that are the same for all (connections, sizes) are reported by one
//! process only, so that sums are right: the one whose connection holds an advisory lock in Postgres.
//!
//! An unavailable server is logged at once, and repeatedly while that lasts.

mod collector;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis;
use deadpool_redis::redis::aio::MultiplexedConnection;
use platform_background::jittered;
use platform_settings::{DatabaseSettings, InvalidSettings, RedisSettings};
use platform_store::{Cache, sql};
use platform_telemetry::Metrics;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The timeout of a poll; then the server counts as unavailable.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// The watched servers of a process. Clones share them.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    postgres: PgConnectOptions,
    redis: Vec<(&'static str, Cache)>,
    places: Vec<String>,
    seen: Mutex<Seen>,
}

/// A connection that is kept open, and whether it holds the lock of the reporter.
type Kept = Option<(PgConnection, bool)>;

/// Takes that lock.
const TRY_REPORTER_LOCK: &str = sql!("SELECT pg_try_advisory_lock(7305423198540024)");
/// Between two warnings about the same server.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The latest results; empty before the first poll.
#[derive(Debug, Clone, Default)]
struct Seen {
    postgres: Option<Found<Postgres>>,
    redis: Vec<(&'static str, Found<Redis>)>,
    /// Whether this process reports for all.
    reporter: bool,
}

/// A result and the time it took, or the error.
#[derive(Debug, Clone)]
struct Found<T> {
    took: Duration,
    state: Result<T, String>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct Postgres {
    connections: i64,
    connections_limit: i64,
    bytes: i64,
    deadlocks: i64,
    #[sqlx(skip)]
    oldest_transaction: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Redis {
    used: i64,
    limit: i64,
    evicted: i64,
    clients: i64,
}

impl Watch {
    /// Prepares to watch the servers of the settings; `role` becomes part of `application_name`.
    ///
    /// # Errors
    /// When a URL is invalid.
    pub fn new(database: &DatabaseSettings, redis: &RedisSettings, role: &str) -> Result<Self, InvalidSettings> {
        let postgres = database.connect_options()?.application_name(&format!("{role}-watch"));
        let (mut watched, mut places) = (Vec::new(), vec![database.place()?]);
        if let Some(queue) = Cache::new(redis, "")? {
            watched.push(("queue", queue));
            places.push(redis.place());
        }
        if redis.is_split()
            && let Some(cache) = Cache::new(&redis.for_cache(), "")?
        {
            watched.push(("cache", cache));
            places.push(redis.for_cache().place());
        }
        Ok(Self(Arc::new(Inner { postgres, redis: watched, places, seen: Mutex::default() })))
    }

    /// Registers the results in a service's metrics.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| registry.register_collector(Box::new(self.clone())));
    }

    /// Polls until shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        let (mut postgres, mut redis) = (Kept::None, vec![None; self.0.redis.len()]);
        let mut alarms = vec![Alarm::default(); self.0.places.len()];
        loop {
            let asked = async {
                let of_redis = self.0.redis.iter().zip(&mut redis);
                let of_redis =
                    of_redis.map(|((name, cache), at)| async { (*name, ask(|| redis_state(cache, at)).await) });
                tokio::join!(
                    ask(|| postgres_state(&self.0.postgres, &mut postgres)),
                    futures_util::future::join_all(of_redis)
                )
            };
            let (of_postgres, of_redis) = tokio::select! {
                () = shutdown.cancelled() => break,
                found = asked => found,
            };
            let failures = std::iter::once(("Postgres", of_postgres.state.as_ref().err()))
                .chain(of_redis.iter().map(|(_, found)| ("Redis", found.state.as_ref().err())));
            for ((alarm, place), (server, failure)) in alarms.iter_mut().zip(&self.0.places).zip(failures) {
                alarm.hear(server, place, failure);
            }
            // While Postgres is unavailable no process can take the lock, and the last reporter goes on to report Redis.
            let holds = postgres.as_ref().map(|(_, reporter)| *reporter);
            self.0.see(of_postgres, of_redis, holds);
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(jittered(POLL_INTERVAL)) => {}
            }
        }
        if let Some((connection, _)) = postgres {
            let _ = timeout(POLL_TIMEOUT, connection.close()).await;
        }
    }
}

impl Inner {
    fn see(&self, postgres: Found<Postgres>, redis: Vec<(&'static str, Found<Redis>)>, holds: Option<bool>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let reporter = holds.unwrap_or(seen.reporter);
        *seen = Seen { postgres: Some(postgres), redis, reporter };
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Watch")
    }
}

/// Logs that a server is unavailable, and its recovery.
#[derive(Debug, Clone, Default)]
struct Alarm {
    last: Option<Instant>,
}

impl Alarm {
    fn hear(&mut self, server: &'static str, place: &str, failure: Option<&String>) {
        match (failure, self.last) {
            (Some(_), Some(last)) if last.elapsed() < LOG_INTERVAL => {}
            (Some(cause), _) => {
                tracing::warn!(server.address = place, error = cause, "{server} unavailable");
                self.last = Some(Instant::now());
            }
            (None, Some(_)) => {
                tracing::info!(server.address = place, "{server} available again");
                self.last = None;
            }
            (None, None) => {}
        }
    }
}

async fn ask<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(question: impl FnOnce() -> F) -> Found<T> {
    let begun = Instant::now();
    let state = match timeout(POLL_TIMEOUT, question()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no response within {} s", POLL_TIMEOUT.as_secs())),
    };
    Found { took: begun.elapsed(), state }
}

/// The state of Postgres; a connection that fails or was interrupted is not used again.
async fn postgres_state(options: &PgConnectOptions, kept: &mut Kept) -> sqlx::Result<Postgres> {
    const SQL: &str = sql!(
        "SELECT (SELECT sum(numbackends)::bigint FROM pg_stat_database) AS connections,
             current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                 AS connections_limit,
             pg_database_size(current_database()) AS bytes, d.deadlocks
         FROM pg_stat_database d WHERE d.datname = current_database()"
    );
    // The kept connection may be from before a restart.
    let mut found = None;
    if let Some((mut connection, reporter)) = kept.take()
        && let Ok(state) = sqlx::query_as::<_, Postgres>(SQL).fetch_one(&mut connection).await
    {
        found = Some((connection, reporter, state));
    }
    let (mut connection, mut reporter, mut state) = match found {
        Some(found) => found,
        None => {
            let mut connection = options.connect().await?;
            let state = sqlx::query_as(SQL).fetch_one(&mut connection).await?;
            (connection, false, state)
        }
    };
    if !reporter {
        reporter = sqlx::query_scalar(TRY_REPORTER_LOCK).fetch_one(&mut connection).await?;
    }
    // By a function, since the start times of other roles' sessions are not visible; it exists after the migrations.
    let oldest = sqlx::query_scalar(sql!("SELECT oldest_transaction_seconds()")).fetch_one(&mut connection).await;
    state.oldest_transaction = oldest.ok();
    *kept = Some((connection, reporter));
    Ok(state)
}

async fn redis_state(cache: &Cache, kept: &mut Option<MultiplexedConnection>) -> redis::RedisResult<Redis> {
    let info = redis::cmd("INFO");
    if let Some(mut connection) = kept.take()
        && let Ok(info) = info.query_async::<String>(&mut connection).await
    {
        *kept = Some(connection);
        return Ok(Redis::parse(&info));
    }
    let mut connection = cache.dedicated(POLL_TIMEOUT).await?;
    let info: String = info.query_async(&mut connection).await?;
    *kept = Some(connection);
    Ok(Redis::parse(&info))
}

impl Redis {
    /// Parses lines such as `used_memory:1048576`. A server without a limit has the memory of its machine.
    fn parse(info: &str) -> Self {
        let number = |name: &str| {
            let values = info.lines().filter_map(|line| line.split_once(':'));
            let mut values = values.filter(|(key, _)| *key == name).filter_map(|(_, value)| value.trim().parse().ok());
            values.next().unwrap_or(0)
        };
        let limit = match number("maxmemory") {
            0 => number("total_system_memory"),
            limit => limit,
        };
        Self {
            used: number("used_memory"),
            limit,
            evicted: number("evicted_keys"),
            clients: number("connected_clients"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_is_read() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1M\r\nmaxmemory:2097152\r\n\
                    total_system_memory:99\r\nevicted_keys:3\r\nconnected_clients:4\r\n";
        assert_eq!(Redis::parse(info), Redis { used: 1_048_576, limit: 2_097_152, evicted: 3, clients: 4 });
        let unlimited = Redis::parse("used_memory:1\r\nmaxmemory:0\r\ntotal_system_memory:99\r\n");
        assert_eq!(unlimited.limit, 99);
    }
}
