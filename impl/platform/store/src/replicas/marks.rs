//! What each client has written, in Redis, so that every process knows: a replica must have it before that client reads from it.

use std::time::Duration;

use deadpool_redis::redis;
use platform_admission::{Requester, Subject};

use super::position::Position;
use platform_connections::{Cache, CacheError};

/// How long it is remembered; longer than any replica may be behind.
const LIFETIME: Duration = Duration::from_secs(60);

/// The positions of clients.
pub(super) struct Marks(Cache);

impl Marks {
    pub(super) fn new(cache: Cache) -> Self {
        Self(cache)
    }

    /// The position that a client must read at; `None` when it is not known, so that it has to read from the primary.
    pub(super) async fn needed(&self, requester: &Requester) -> Option<Position> {
        let marks: Result<Vec<Option<i64>>, CacheError> = async {
            let mut get = redis::cmd("MGET");
            for key in self.keys(requester) {
                get.arg(key);
            }
            Ok(get.query_async(&mut self.0.connection().await?).await?)
        }
        .await;
        marks.ok().map(|marks| marks.into_iter().flatten().max().map_or(Position::START, Position))
    }

    /// Remembers what a client has written.
    pub(super) async fn remember(&self, requester: &Requester, Position(position): Position) {
        let remember = async {
            let mut set = redis::pipe();
            for key in self.keys(requester) {
                set.cmd("SET").arg(key).arg(position).arg("PX").arg(LIFETIME.as_millis() as u64).ignore();
            }
            set.query_async::<()>(&mut self.0.connection().await?).await?;
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
        subjects.map(|subject| self.0.key(name(subject))).collect()
    }
}
