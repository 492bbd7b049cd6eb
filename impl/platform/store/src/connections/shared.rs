//! What the connections of a pool have in common: those at rest, and how new ones are opened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform_admission::Gate;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::timeout;

use crate::silence::Witness;
use crate::sql;

/// How long opening one may take, for whoever comes later.
const OPEN: Duration = Duration::from_secs(5);
/// A test that takes longer has failed.
pub(super) const TEST: Duration = Duration::from_millis(500);
/// Connections are closed at this age, so that server-side memory and stale plans do not pile up.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// Connections that nobody needed for this long are closed.
const MAX_IDLE: Duration = Duration::from_secs(5 * 60);

/// What becomes of a connection whose use was cancelled between two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterCancel {
    /// Wait for the statement to end, then use it again: it was a read.
    Recover,
    /// Close it; the server rolls back what it was doing.
    Close,
}

/// What the connections of a pool have in common.
pub(super) struct Shared {
    pub(super) options: PgConnectOptions,
    pub(super) witness: Witness,
    pub(super) after_cancel: AfterCancel,
    /// How long a request waits for its turn, and again for a new connection.
    pub(super) wait: Duration,
    /// Its name where a client is told that it has its share.
    pub(super) name: &'static str,
    pub(super) gate: Gate,
    /// Half as many, which those pass before whose statements take long.
    pub(super) long: Gate,
    /// Statements that succeeded.
    pub(super) served: AtomicU64,
    pub(super) idle: Mutex<Vec<Idle>>,
    /// Rung when a connection is given back.
    pub(super) returned: Notify,
    /// Held by each connection there is.
    pub(super) count: Arc<()>,
    /// Turns to open a connection.
    pub(super) openings: Semaphore,
    /// Raised when a connection is found broken: its siblings have most likely met the same fate.
    pub(super) generation: AtomicU64,
}

/// What a connection is and stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) at: Instant,
    /// The number of its session in `pg_stat_activity`.
    pub(super) session: i32,
}

/// A connection that is counted for as long as it is there.
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
    /// What was opened together with a broken connection is most likely broken, too. Only the first of a generation speaks
    /// for it, so that connections opened since stay.
    pub(super) fn give_up(&self, generation: u64) {
        let _ = self.generation.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last: the rest may grow old and be closed.
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

    /// Opens a connection in a task of its own: when whoever wanted it is served otherwise, or has left, the next one finds
    /// it. No more are opened at once than there may be.
    pub(super) fn start_opening(self: &Arc<Self>) -> oneshot::Receiver<sqlx::Result<(Counted, Birth, u64)>> {
        let (sender, opened) = oneshot::channel();
        let shared = Arc::clone(self);
        let generation = self.generation.load(Ordering::Acquire);
        tokio::spawn(async move {
            let Ok(_turn) = shared.openings.acquire().await else { return };
            if sender.is_closed() {
                return;
            }
            let result = match timeout(OPEN, open(&shared.options)).await {
                Ok(result) => result.map(|(connection, born)| {
                    (Counted { connection, _one: Arc::clone(&shared.count) }, born, generation)
                }),
                Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            };
            if let Err(Ok((connection, born, generation))) = sender.send(result) {
                // Not as many as were let in: those who wait for a connection have none, and under load they are all served by the few
                // that there are.
                let (size, ..) = shared.gate.state();
                if Arc::strong_count(&shared.count) - 1 <= size {
                    shared.push(Idle { connection, born, generation, since: Instant::now() });
                }
            }
        });
        opened
    }
}

async fn open(options: &PgConnectOptions) -> sqlx::Result<(PgConnection, Birth)> {
    let mut connection = PgConnection::connect_with(options).await?;
    let session = sqlx::query_scalar(sql!("SELECT pg_backend_pid()")).fetch_one(&mut connection).await?;
    Ok((connection, Birth { at: Instant::now(), session }))
}
