//! The state that the connections of a pool share: idle ones, and how new ones are opened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_admission::Gate;
use sqlx::PgConnection;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::server_state::ServerState;
use crate::servers::{Opened, Servers};
use crate::silence::Witness;

/// The timeout of the test of an idle connection.
pub(super) const TEST_TIMEOUT: Duration = Duration::from_millis(500);
/// Connections are closed at this age, so that server-side memory and stale plans do not accumulate.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// A server that accepts no writes is asked again after this long: a connection for each request would only find the same.
const NOT_WRITABLE_FOR: Duration = Duration::from_millis(250);
/// Idle connections are closed after this long.
const MAX_IDLE: Duration = Duration::from_secs(5 * 60);

/// What happens to a connection whose use was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCancel {
    /// Wait for the statement to end, then reuse the connection: it was a read.
    Recover,
    /// Close it; the server rolls the transaction back.
    Close,
}

/// The state that the connections of a pool share.
pub(super) struct Shared {
    pub(super) servers: Servers,
    pub(super) witness: Witness,
    pub(super) after_cancel: AfterCancel,
    /// How long a request waits for its turn, and again for a new connection.
    pub(super) wait: Duration,
    /// Its name in error responses about shares.
    pub(super) name: &'static str,
    pub(super) gate: Gate,
    /// A gate of half the size for requests whose statements take long, before the gate of the pool.
    pub(super) long: Gate,
    /// Statements that succeeded.
    pub(super) served: AtomicU64,
    pub(super) idle: Mutex<Vec<Idle>>,
    /// Notified when a connection is returned.
    pub(super) returned: Notify,
    /// One reference for each open connection.
    pub(super) count: Arc<()>,
    /// One reference for each connection that was given up while its server was at work.
    pub(super) abandoned: Arc<()>,
    /// Permits to open a connection.
    pub(super) openings: Semaphore,
    /// Incremented when a connection is found broken: the others of its generation most likely are, too.
    pub(super) generation: AtomicU64,
    /// When it was last found to accept none.
    pub(super) not_writable: Mutex<Option<Instant>>,
    /// The database of the last connection that was opened, and how many there were before.
    pub(super) history: Mutex<(String, u64)>,
}

/// The constant properties of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) at: Instant,
    /// The process id of its session in `pg_stat_activity`.
    pub(super) session: i32,
    /// The server of that session.
    pub(super) server: usize,
    /// Which of the databases that this pool has met: another after a failover or a restore, which may have lost writes.
    pub(super) history: u64,
}

/// An open connection, which is counted until it is dropped.
pub(super) struct Counted {
    pub(super) connection: PgConnection,
    pub(super) _one: Arc<()>,
}

pub(super) struct Idle {
    pub(super) connection: Counted,
    pub(super) born: Birth,
    pub(super) generation: u64,
    pub(super) since: Instant,
}

impl Shared {
    /// Connections opened together with a broken one are most likely broken, too. Only the first of a generation invalidates
    /// it, so that connections opened since stay.
    pub(super) fn give_up(&self, generation: u64) {
        let _ = self.generation.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Counts a connection that is given up, as long as what is returned.
    pub(super) fn abandon(&self) -> Arc<()> {
        Arc::clone(&self.abandoned)
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last: the others may become idle for long and be closed.
    pub(super) fn pop(&self) -> Option<Idle> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut idle = self.lock();
        loop {
            let last = idle.pop()?;
            if last.generation == generation && last.born.at.elapsed() < MAX_AGE {
                return Some(last);
            }
        }
    }

    pub(super) fn push(&self, idle: Idle) {
        let mut all = self.lock();
        if all.first().is_some_and(|oldest| oldest.since.elapsed() > MAX_IDLE) {
            all.remove(0);
        }
        all.push(idle);
        drop(all);
        self.returned.notify_one();
    }

    /// Whether the server was found to accept no writes a moment ago.
    pub(super) fn is_not_writable(&self) -> bool {
        let found = *self.not_writable.lock().unwrap_or_else(PoisonError::into_inner);
        found.is_some_and(|found| found.elapsed() < NOT_WRITABLE_FOR)
    }

    /// Opens a connection in a task: when the request that needs it is served otherwise or cancelled, the next request uses it.
    /// No more are opened at once than the limit allows.
    pub(super) fn start_opening(self: &Arc<Self>) -> oneshot::Receiver<sqlx::Result<(Counted, Birth, u64)>> {
        let (sender, opened) = oneshot::channel();
        let shared = Arc::clone(self);
        let generation = self.generation.load(Ordering::Acquire);
        tokio::spawn(async move {
            let Ok(_turn) = shared.openings.acquire().await else { return };
            if sender.is_closed() {
                return;
            }
            let result = match shared.servers.open().await {
                Err(error) if ServerState::of_postgres(&error) == ServerState::ReadOnly => {
                    *shared.not_writable.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    Err(error)
                }
                result => result.map(|opened| {
                    let Opened { connection, session, server, database, .. } = opened;
                    let born = Birth { at: Instant::now(), session, server, history: shared.met(database) };
                    (Counted { connection, _one: Arc::clone(&shared.count) }, born, generation)
                }),
            };
            if let Err(Ok((connection, born, generation))) = sender.send(result) {
                // Not as many as were admitted: requests that wait for a connection hold none, and under load the few open ones
                // serve them all.
                let (size, ..) = shared.gate.state();
                if Arc::strong_count(&shared.count) - 1 <= size {
                    shared.push(Idle { connection, born, generation, since: Instant::now() });
                }
            }
        });
        opened
    }

    /// The number of a database in the order in which they were met.
    fn met(&self, database: String) -> u64 {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.0 != database {
            if !history.0.is_empty() {
                tracing::warn!("another history of the database: failed over, or restored");
            }
            *history = (database, history.1 + 1);
        }
        history.1
    }
}
