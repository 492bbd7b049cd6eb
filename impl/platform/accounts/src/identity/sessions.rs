//! Remembers for at most a second whom a token belongs to, and forgets at once when Postgres rings.
//!
//! A trigger on users notifies `user_changed`, a revocation `token_revoked`. While this process is not listening it
//! remembers nothing, so correctness never rests on the bell: it only bounds the second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_background::Job;
use platform_store::sql;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use uuid::Uuid;

use super::principal::Principal;

/// The longest a revocation may go unnoticed, were every notification lost.
const LIFE: Duration = Duration::from_secs(1);
/// More tokens than this are not remembered; about half a kilobyte each.
const MOST: usize = 5_000;
/// While it listens it says so at least this often.
pub(crate) const HEARD: Duration = Duration::from_secs(10);
/// A connection on which nothing is heard has this long to answer; longer, and it is lost.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause before listening again after the connection broke.
const PAUSE: Duration = Duration::from_millis(250);

/// Principals by the text of their tokens, so that a token that is known is not verified again either.
#[derive(Default)]
pub(crate) struct Sessions {
    listening: AtomicBool,
    /// Raised by every removal: what was read before it may be out of date and is not remembered.
    generation: AtomicU64,
    known: Mutex<HashMap<Box<str>, (Principal, Instant)>>,
}

impl Sessions {
    /// Whom the token belongs to, if that was read less than a second ago.
    pub(crate) fn get(&self, token: &str) -> Option<Principal> {
        if !self.listening.load(Ordering::Acquire) {
            return None;
        }
        let known = self.lock();
        known.get(token).filter(|(_, until)| *until > Instant::now()).map(|(principal, _)| *principal)
    }

    /// To be taken before the database is asked, and given to [`Sessions::remember`].
    pub(crate) fn ticket(&self) -> (u64, Instant) {
        (self.generation.load(Ordering::Acquire), Instant::now())
    }

    /// Remembers what the database said, unless something changed since it was asked.
    pub(crate) fn remember(&self, token: &str, principal: Principal, (generation, asked): (u64, Instant)) {
        let mut known = self.lock();
        // Checked under the lock, or a removal could slip between the check and the insertion.
        if !self.listening.load(Ordering::Acquire) || self.generation.load(Ordering::Acquire) != generation {
            return;
        }
        if known.len() >= MOST {
            let now = Instant::now();
            known.retain(|_, (_, until)| *until > now);
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(token.into(), (principal, asked + LIFE.min(principal.remaining())));
    }

    /// Forgets one token.
    pub(crate) fn forget_token(&self, jti: &Uuid) {
        let mut known = self.lock();
        self.generation.fetch_add(1, Ordering::AcqRel);
        known.retain(|_, (principal, _)| principal.token_id() != *jti);
    }

    /// Forgets every token of a user.
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

    /// Listens until nobody needs the sessions any more.
    pub(crate) async fn listen(self: Arc<Self>, options: PgConnectOptions, job: Job) {
        let sessions = Arc::downgrade(&self);
        drop(self);
        while sessions.strong_count() > 0 {
            let connected = connect(&options).await;
            if let Err(error) = &connected {
                job.failed(error);
            }
            if let Ok(mut listener) = connected {
                let Some(now) = sessions.upgrade() else { return };
                now.set_listening(true);
                drop(now);
                loop {
                    // Comes back now and then to see whether anybody is still interested.
                    let rung = tokio::time::timeout(LIFE, listener.try_recv()).await;
                    let Some(now) = sessions.upgrade() else { return };
                    match rung {
                        // Nothing was rung, or it cannot be heard any more: then nobody would ever say so.
                        Err(_) => match tokio::time::timeout(ANSWER, listener.execute(sql!("SELECT 1"))).await {
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
            tokio::time::sleep(PAUSE).await;
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

async fn connect(options: &PgConnectOptions) -> sqlx::Result<PgListener> {
    // A pool of its own, because that is what a listener wants; it holds one connection for as long as it lives.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    // Otherwise a lost connection would be replaced silently, with whatever was rung meanwhile missed.
    listener.eager_reconnect(false);
    listener.listen_all(["user_changed", "token_revoked"]).await?;
    Ok(listener)
}
