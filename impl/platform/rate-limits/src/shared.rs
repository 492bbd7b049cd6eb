//! Counts in Redis, which all replicas share: one script, so that concurrent requests are counted correctly.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{ErrorKind, FromRedisValue, RedisError, Script, ScriptInvocation, ServerErrorKind};
use platform_store::Cache;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::window::{Ask, Count, SLICES_PER_WINDOW, Verdict};

/// How long Redis is not used after it was unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Redis is unavailable.
pub(super) struct Away;

/// One multiplexed connection, on which requests do not wait for each other.
pub(super) struct Shared {
    cache: Cache,
    take: Script,
    link: Mutex<Link>,
    /// Connections opened so far.
    opened: AtomicU64,
    /// Known to be unavailable: one request at a time tries again, the others do not wait for it.
    is_away: AtomicBool,
}

enum Link {
    Unused,
    /// The number tells it apart from earlier connections, whose failures say nothing about it.
    Open(MultiplexedConnection, u64),
    Away {
        since: Instant,
    },
}

impl Shared {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            cache,
            take: Script::new(include_str!("take.lua")),
            link: Mutex::new(Link::Unused),
            opened: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
        }
    }

    /// Counts once under every key, or under none if one of them is full.
    pub(super) async fn take(&self, asks: &[Ask]) -> Result<Vec<Count>, Away> {
        let mut call = self.take.prepare_invoke();
        call.arg(SLICES_PER_WINDOW);
        for ask in asks {
            call.key(self.cache.key(&ask.key)).arg(ask.amount).arg(ask.window_millis());
        }
        let answer: Vec<i64> = self.run(&call).await?;
        Ok(answer.chunks_exact(3).map(count).collect())
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Away> {
        let deadline = Instant::now() + self.cache.timeout();
        let mut is_first = true;
        loop {
            let (mut connection, number) = self.connection(deadline).await?;
            let error = match timeout_at(deadline, call.invoke_async(&mut connection)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => late(),
            };
            // Another client's SCRIPT FLUSH may come between loading the script and calling it.
            let is_forgotten = error.kind() == ErrorKind::Server(ServerErrorKind::NoScript);
            // A connection that was closed while idle says nothing about Redis now.
            let is_cut = error.is_io_error() && !error.is_timeout();
            let again = is_first && (is_forgotten || is_cut);
            if !(again && is_forgotten) {
                self.lost(number, again, &error);
            }
            if !again {
                return Err(Away);
            }
            is_first = false;
        }
    }

    /// The connection and its number. Waiting for another request's attempt to connect ends at `deadline`.
    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), Away> {
        let mut link = match self.is_away.load(Ordering::Acquire) {
            true => self.link.try_lock().map_err(|_| Away)?,
            false => timeout_at(deadline, self.link.lock()).await.map_err(|_| Away)?,
        };
        match &*link {
            Link::Open(connection, number) => return Ok((connection.clone(), *number)),
            Link::Away { since } if since.elapsed() < RETRY_DELAY => return Err(Away),
            Link::Away { .. } | Link::Unused => {}
        }
        // If this is cancelled, the next request connects.
        let attempt = timeout_at(deadline, self.cache.dedicated(self.cache.timeout()));
        match attempt.await.unwrap_or_else(|_| Err(late())) {
            Ok(connection) => {
                let number = self.opened.fetch_add(1, Ordering::Relaxed);
                *link = Link::Open(connection.clone(), number);
                if self.is_away.swap(false, Ordering::AcqRel) {
                    tracing::info!("rate limiting by Redis resumed");
                }
                Ok((connection, number))
            }
            Err(error) => {
                self.away(&mut link, &error);
                Err(Away)
            }
        }
    }

    /// Marks the connection with this number as failed; there may be a newer one.
    fn lost(&self, number: u64, again: bool, error: &RedisError) {
        // Another request is reconnecting.
        let Ok(mut link) = self.link.try_lock() else { return };
        match *link {
            Link::Open(_, open) if open == number && again => *link = Link::Unused,
            Link::Open(_, open) if open == number => self.away(&mut link, error),
            _ => {}
        }
    }

    fn away(&self, link: &mut Link, error: &RedisError) {
        *link = Link::Away { since: Instant::now() };
        if !self.is_away.swap(true, Ordering::AcqRel) {
            tracing::warn!(%error, "Redis unavailable, rate limiting per process");
        }
    }
}

fn late() -> RedisError {
    RedisError::from(io::Error::from(io::ErrorKind::TimedOut))
}

fn count(answer: &[i64]) -> Count {
    let verdict = if answer[0] == 0 { Verdict::Counted } else { Verdict::Full };
    let remaining = u32::try_from(answer[1]).unwrap_or(0);
    Count { verdict, remaining, reset: Duration::from_millis(answer[2].max(0).cast_unsigned()) }
}
