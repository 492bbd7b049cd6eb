//! Caches authenticated tokens for at most a second, and evicts them at once on notifications from Postgres.
//!
//! A trigger on users notifies `user_changed`, a revocation `token_revoked`. While this process is not listening it caches
//! nothing, so correctness never depends on notifications: without them a token is valid for at most a second too long.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_background::Job;
use platform_store::{Servers, sql};
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use uuid::Uuid;

use super::principal::Principal;

/// The lifetime of a cache entry: how long a revocation may go unnoticed, were every notification lost.
const CACHE_LIFETIME: Duration = Duration::from_secs(1);
/// The maximum number of cached tokens; about half a kilobyte each.
const MAX_CACHED_TOKENS: usize = 5_000;
/// While it listens it records a success at least this often.
pub(crate) const JOB_INTERVAL: Duration = Duration::from_secs(10);
/// How long a silent connection may take to respond to a statement before it counts as lost.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause before listening again after the connection was lost.
const RECONNECT_DELAY: Duration = Duration::from_millis(250);

/// Principals by the text of their tokens, so that the signature of a cached token is not verified again.
#[derive(Default)]
pub(crate) struct TokenCache {
    listening: AtomicBool,
    /// Incremented by every eviction: what was read before may be outdated and is not cached.
    generation: AtomicU64,
    known: Mutex<HashMap<Box<str>, (Principal, Instant)>>,
}

impl TokenCache {
    /// The principal of a token, if it was read less than a second ago.
    pub(crate) fn get(&self, token: &str) -> Option<Principal> {
        if !self.listening.load(Ordering::Acquire) {
            return None;
        }
        let known = self.lock();
        known.get(token).filter(|(_, until)| *until > Instant::now()).map(|(principal, _)| *principal)
    }

    /// To be taken before the database is queried, and passed to [`TokenCache::remember`].
    pub(crate) fn ticket(&self) -> (u64, Instant) {
        (self.generation.load(Ordering::Acquire), Instant::now())
    }

    /// Caches what the database returned, unless something changed since the query.
    pub(crate) fn remember(&self, token: &str, principal: Principal, (generation, asked): (u64, Instant)) {
        let mut known = self.lock();
        // Checked under the lock, or an eviction could slip between the check and the insertion.
        if !self.listening.load(Ordering::Acquire) || self.generation.load(Ordering::Acquire) != generation {
            return;
        }
        if known.len() >= MAX_CACHED_TOKENS {
            let now = Instant::now();
            known.retain(|_, (_, until)| *until > now);
            if known.len() >= MAX_CACHED_TOKENS {
                known.clear();
            }
        }
        known.insert(token.into(), (principal, asked + CACHE_LIFETIME.min(principal.remaining())));
    }

    /// Evicts one token, or those of a session.
    pub(crate) fn forget_token(&self, id: &Uuid) {
        let mut known = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        known.retain(|_, (principal, _)| principal.token_id() != *id && principal.session() != Some(*id));
    }

    /// Evicts every token of a user.
    pub(crate) fn forget_user(&self, user: i64) {
        let mut known = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        known.retain(|_, (principal, _)| principal.user_id() != user);
    }

    fn set_listening(&self, listening: bool) {
        let mut known = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.listening.store(listening, Ordering::Release);
        known.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, (Principal, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until all clones of the cache are dropped.
    pub(crate) async fn listen(self: Arc<Self>, servers: Servers, job: Job) {
        let cache = Arc::downgrade(&self);
        drop(self);
        while cache.strong_count() > 0 {
            let connected = connect(&servers).await;
            if let Err(error) = &connected {
                job.failed(error);
            }
            if let Ok(mut listener) = connected {
                let Some(now) = cache.upgrade() else { return };
                now.set_listening(true);
                drop(now);
                loop {
                    // Returns periodically to check whether the cache is still in use.
                    let rung = tokio::time::timeout(CACHE_LIFETIME, listener.try_recv()).await;
                    let Some(now) = cache.upgrade() else { return };
                    match rung {
                        // No notification, or the connection is lost, which would not show otherwise.
                        Err(_) => match tokio::time::timeout(PROBE_TIMEOUT, listener.execute(sql!("SELECT 1"))).await {
                            Ok(Ok(_)) => job.succeeded(),
                            Ok(Err(_)) | Err(_) => {
                                now.set_listening(false);
                                break;
                            }
                        },
                        Ok(Ok(Some(bell))) => {
                            now.answer(bell.channel(), bell.payload());
                            job.succeeded();
                        }
                        Ok(_) => {
                            now.set_listening(false);
                            break;
                        }
                    }
                }
            }
            tokio::time::sleep(RECONNECT_DELAY).await;
        }
    }

    fn answer(&self, channel: &str, payload: &str) {
        match channel {
            "user_changed" => match payload.parse() {
                Ok(user) => self.forget_user(user),
                Err(_) => self.set_listening(true),
            },
            _ => match payload.parse() {
                Ok(jti) => self.forget_token(&jti),
                Err(_) => self.set_listening(true),
            },
        }
    }
}

async fn connect(servers: &Servers) -> sqlx::Result<PgListener> {
    // A pool of its own, because a listener requires one; it holds one connection for its lifetime.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy_with(servers.locate().await?);
    let mut listener = PgListener::connect_with(&pool).await?;
    // Otherwise a lost connection would be replaced silently, and notifications in between missed.
    listener.eager_reconnect(false);
    listener.listen_all(["user_changed", "token_revoked"]).await?;
    Ok(listener)
}
