//! Counts in Redis, which all replicas share: one script, so that no two requests are counted as one.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{FromRedisValue, RedisError, Script, ScriptInvocation};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::window::{Ask, Count, Kind, SLICES, Verdict};
use crate::cache::Cache;

/// How long a request waits for Redis; longer, and it counts as away.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long Redis is left alone once it is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Redis did not count.
pub(super) struct Away;

/// One connection, on which requests do not wait for each other.
pub(super) struct Shared {
    cache: Cache,
    take: Script,
    settle: Script,
    link: Mutex<Link>,
    /// Known to be away: one request at a time looks whether it still is, the others do not wait for it.
    is_away: AtomicBool,
}

enum Link {
    Unused,
    Open(MultiplexedConnection),
    Away { since: Instant },
}

impl Shared {
    pub(super) fn new(cache: Cache) -> Self {
        Self {
            cache,
            take: Script::new(include_str!("take.lua")),
            settle: Script::new(include_str!("settle.lua")),
            link: Mutex::new(Link::Unused),
            is_away: AtomicBool::new(false),
        }
    }

    /// Counts once under every key, or under none if one of them is full.
    pub(super) async fn take(&self, asks: &[Ask], kind: Kind) -> Result<Vec<Count>, Away> {
        let mut call = self.take.prepare_invoke();
        call.arg(SLICES).arg(if kind == Kind::Attempt { "o" } else { "" });
        for ask in asks {
            call.key(self.cache.key(&ask.key)).arg(ask.amount).arg(ask.window_millis());
        }
        let answer: Vec<i64> = self.run(&call).await?;
        Ok(answer.chunks_exact(4).map(count).collect())
    }

    /// The outcome of an attempt: forgotten when it succeeded, counted when it failed.
    pub(super) async fn settle(&self, ask: &Ask, slice: i64, failed: bool) -> Result<(), Away> {
        let mut call = self.settle.key(self.cache.key(&ask.key));
        call.arg(slice).arg(u8::from(failed)).arg(ask.life_millis());
        self.run(&call).await
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Away> {
        let attempts = async {
            let error = match call.invoke_async(&mut self.connection().await?).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // A connection that was cut while it was idle tells nothing of Redis now.
            let again = error.is_io_error() && !error.is_timeout();
            self.lost(again, &error);
            if !again {
                return Err(Away);
            }
            match call.invoke_async(&mut self.connection().await?).await {
                Ok(value) => Ok(value),
                Err(error) => {
                    self.lost(false, &error);
                    Err(Away)
                }
            }
        };
        match timeout(PATIENCE, attempts).await {
            Ok(result) => result,
            Err(_) => {
                self.lost(false, &RedisError::from(io::Error::from(io::ErrorKind::TimedOut)));
                Err(Away)
            }
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Away> {
        let mut link = match self.is_away.load(Ordering::Acquire) {
            true => self.link.try_lock().map_err(|_| Away)?,
            false => self.link.lock().await,
        };
        match &*link {
            Link::Open(connection) => return Ok(connection.clone()),
            Link::Away { since } if since.elapsed() < PAUSE => return Err(Away),
            Link::Away { .. } | Link::Unused => {}
        }
        // Should this be cancelled, the next one does it.
        match self.cache.dedicated(PATIENCE).await {
            Ok(connection) => {
                *link = Link::Open(connection.clone());
                if self.is_away.swap(false, Ordering::AcqRel) {
                    tracing::info!("rate limits are shared again");
                }
                Ok(connection)
            }
            Err(error) => {
                self.away(&mut link, &error);
                Err(Away)
            }
        }
    }

    fn lost(&self, again: bool, error: &RedisError) {
        // Somebody who is at it already knows.
        let Ok(mut link) = self.link.try_lock() else { return };
        if again {
            *link = Link::Unused;
        } else {
            self.away(&mut link, error);
        }
    }

    fn away(&self, link: &mut Link, error: &RedisError) {
        *link = Link::Away { since: Instant::now() };
        if !self.is_away.swap(true, Ordering::AcqRel) {
            tracing::warn!(%error, "Redis does not count; rate limits are this process's own until it does");
        }
    }
}

fn count(answer: &[i64]) -> Count {
    let verdict = match answer[0] {
        0 => Verdict::Counted,
        1 => Verdict::Full,
        _ => Verdict::Open,
    };
    let remaining = u32::try_from(answer[1]).unwrap_or(0);
    Count { verdict, remaining, reset: Duration::from_millis(answer[2].max(0).cast_unsigned()), slice: answer[3] }
}
