//! What each client has written, in Redis, so that every process knows: a replica must have it before that client reads from it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deadpool_redis::redis;
use platform_admission::{Requester, Subject};

use super::position::Position;
use platform_connections::{Cache, CacheError};

/// How long it is remembered; longer than any replica may be behind.
const LIFETIME: Duration = Duration::from_secs(60);

/// How far the clocks of processes may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The positions of clients.
pub(super) struct Marks {
    cache: Cache,
    /// How far a replica that is read from may be behind.
    max_lag: Duration,
}

impl Marks {
    pub(super) fn new(cache: Cache, max_lag: Duration) -> Self {
        Self { cache, max_lag }
    }

    /// The position that a client must read at; `None` when it is not known, so that it has to read from the primary.
    pub(super) async fn needed(&self, requester: &Requester) -> Option<Position> {
        let marks: Result<Option<Position>, CacheError> = async {
            let mut connection = self.cache.connection().await?;
            let mut get = redis::cmd("MGET");
            let since = self.cache.key("since");
            get.arg(&since);
            for key in self.keys(requester) {
                get.arg(key);
            }
            let mut found: Vec<Option<i64>> = get.query_async(&mut connection).await?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            match found.swap_remove(0).map(|since| Duration::from_millis(since.max(0).unsigned_abs())) {
                // It remembers what was written for as long as a replica may be behind.
                Some(since) if now.saturating_sub(since) > self.max_lag + CLOCK_SKEW => {
                    Ok(Some(found.into_iter().flatten().max().map_or(Position::START, Position)))
                }
                Some(_) => Ok(None),
                // It is new, or has lost what it knew.
                None => {
                    let mut set = redis::cmd("SET");
                    set.arg(since).arg(now.as_millis() as u64).arg("NX");
                    set.query_async::<()>(&mut connection).await?;
                    Ok(None)
                }
            }
        }
        .await;
        marks.ok().flatten()
    }

    /// Remembers what a client has written.
    pub(super) async fn remember(&self, requester: &Requester, Position(position): Position) {
        let remember = async {
            let mut set = redis::pipe();
            for key in self.keys(requester) {
                set.cmd("SET").arg(key).arg(position).arg("PX").arg(LIFETIME.as_millis() as u64).ignore();
            }
            set.query_async::<()>(&mut self.cache.connection().await?).await?;
            Ok::<_, CacheError>(())
        };
        if let Err(error) = remember.await {
            tracing::warn!(%error, "a write is not remembered: until replicas have it, its client may read what was before");
        }
    }

    /// The user, and the address for what it reads without saying who it is.
    fn keys(&self, requester: &Requester) -> Vec<String> {
        let name = |subject| match subject {
            Subject::User(id) => format!("user:{id}"),
            Subject::Address(address) => format!("address:{address}"),
        };
        let subjects = requester.user().map(Subject::User).into_iter().chain([requester.address()]);
        subjects.map(|subject| self.cache.key(name(subject))).collect()
    }
}
