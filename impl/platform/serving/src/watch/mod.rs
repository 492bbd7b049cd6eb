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
mod found;
mod postgres;
mod redis;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use platform_background::jittered;
use platform_settings::{DatabaseSettings, InvalidSettings, RedisSettings};
use platform_store::{Cache, ServerState, Servers, Wanted};
use platform_telemetry::Metrics;
use sqlx::Connection as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::found::{Failure, Found, POLL_TIMEOUT, ask};
use self::postgres::{Kept, Postgres, postgres_state};
use self::redis::{Redis, redis_state};

/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The watched servers of a process. Clones share them.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    postgres: Servers,
    redis: Vec<(&'static str, Cache)>,
    places: Vec<String>,
    kept: tokio::sync::Mutex<KeptConnections>,
    seen: Mutex<Seen>,
}

/// The connections on which servers are asked, from one poll to the next.
#[derive(Default)]
struct KeptConnections {
    postgres: Kept,
    redis: Vec<Option<MultiplexedConnection>>,
}

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

impl Watch {
    /// Prepares to watch the servers of the settings; `role` becomes part of `application_name`.
    ///
    /// # Errors
    /// When a URL is invalid.
    pub fn new(database: &DatabaseSettings, redis: &RedisSettings, role: &str) -> Result<Self, InvalidSettings> {
        let postgres = Servers::new(database, format!("{role}-watch"), Wanted::Any)?;
        let (mut watched, mut places) = (Vec::new(), vec![database.place()?]);
        if let Some(queue) = Cache::new(redis, "")? {
            places.push(queue.place());
            watched.push(("queue", queue));
        }
        if redis.is_split()
            && let Some(cache) = Cache::new(&redis.for_cache(), "")?
        {
            places.push(cache.place());
            watched.push(("cache", cache));
        }
        let kept = KeptConnections { postgres: None, redis: vec![None; watched.len()] };
        Ok(Self(Arc::new(Inner { postgres, redis: watched, places, kept: kept.into(), seen: Mutex::default() })))
    }

    /// The state of Postgres at the last poll; nothing before the first.
    pub(crate) fn postgres(&self) -> Option<ServerState> {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.postgres.as_ref().map(Found::state)
    }

    /// Looks once, before anything is served: why no time will make a server usable, in which case somebody has to change a setting. One that
    /// is unavailable may come.
    pub async fn permanent_failure(&self) -> Option<String> {
        let (of_postgres, of_redis) = self.look().await;
        let failures = std::iter::once(("Postgres", of_postgres.failure))
            .chain(of_redis.into_iter().map(|(_, found)| ("Redis", found.failure)));
        let mut found =
            self.0.places.iter().zip(failures).filter_map(|(place, (server, failure))| Some((place, server, failure?)));
        let (place, server, failure) = found.find(|(.., failure)| failure.state.is_permanent())?;
        Some(format!("{server} at {place} cannot be used: {}", failure.error))
    }

    async fn look(&self) -> (Found<Postgres>, Vec<(&'static str, Found<Redis>)>) {
        let mut kept = self.0.kept.lock().await;
        let KeptConnections { postgres, redis } = &mut *kept;
        let of_redis = self.0.redis.iter().zip(redis);
        let of_redis = of_redis
            .map(|((name, cache), at)| async { (*name, ask(ServerState::of_redis, || redis_state(cache, at)).await) });
        tokio::join!(
            ask(ServerState::of_postgres, || postgres_state(&self.0.postgres, postgres)),
            futures_util::future::join_all(of_redis)
        )
    }

    /// Registers the results in a service's metrics.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| registry.register_collector(Box::new(self.clone())));
    }

    /// Polls until shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut alarms = vec![Alarm::default(); self.0.places.len()];
        loop {
            let (of_postgres, of_redis) = tokio::select! {
                () = shutdown.cancelled() => break,
                found = self.look() => found,
            };
            let failures = std::iter::once(("Postgres", of_postgres.failure.as_ref()))
                .chain(of_redis.iter().map(|(_, found)| ("Redis", found.failure.as_ref())));
            for ((alarm, place), (server, failure)) in alarms.iter_mut().zip(&self.0.places).zip(failures) {
                alarm.hear(server, place, failure);
            }
            // While Postgres is unavailable no process can take the lock, and the last reporter goes on to report Redis.
            let holds = self.0.kept.lock().await.postgres.as_ref().map(|(_, reporter)| *reporter);
            self.0.see(of_postgres, of_redis, holds);
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(jittered(POLL_INTERVAL)) => {}
            }
        }
        let postgres = self.0.kept.lock().await.postgres.take();
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
    fn hear(&mut self, server: &'static str, place: &str, failure: Option<&Failure>) {
        match (failure, self.last) {
            (Some(_), Some(last)) if last.elapsed() < LOG_INTERVAL => {}
            (Some(Failure { state, error }), _) => {
                let what = if state.is_up() { "accepts no writes" } else { "unavailable" };
                tracing::warn!(server.address = place, state = state.name(), error, "{server} {what}");
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
