//! A pool of Postgres connections that knows when a connection is clean.
//!
//! sqlx's own pool asks the server after every use whether a connection is still good (one more round trip for each
//! request), and takes back connections that are inside an open transaction when `begin` was cancelled. Here a
//! connection comes back only after its last statement was seen to end; one that was cancelled in the middle is
//! cleaned up in the background or closed, and one that has rested is tested before it is used.

mod lease;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use self::lease::{State, Stay};
use crate::shares::{Gate, Keep, Refused, Requester, TooMany};
use crate::silence::Witness;
use crate::sql;

pub(crate) use self::lease::{Lease, Watch};

/// How long opening one may take, for whoever comes later.
const OPEN: Duration = Duration::from_secs(5);
/// Requests that may wait for each connection; with more the wait could not succeed in time.
const WAITING_PER_CONNECTION: usize = 64;
/// A connection that rested longer is tested before use: the server may have restarted meanwhile.
const RESTED: Duration = Duration::from_secs(1);
/// A test that takes longer has failed.
const TEST: Duration = Duration::from_millis(500);
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

/// A bounded set of connections to one database with the same options.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    options: PgConnectOptions,
    witness: Witness,
    after_cancel: AfterCancel,
    /// How long a request waits for its turn, and again for a new connection.
    wait: Duration,
    /// Its name where a client is told that it has its share.
    name: &'static str,
    gate: Gate,
    /// Half as many, which those pass before whose statements take long.
    long: Gate,
    /// Statements that succeeded.
    served: AtomicU64,
    idle: Mutex<Vec<Idle>>,
    /// Rung when a connection is given back.
    returned: Notify,
    /// Held by each connection there is.
    count: Arc<()>,
    /// Turns to open a connection.
    openings: Semaphore,
    /// Raised when a connection is found broken: its siblings have most likely met the same fate.
    generation: AtomicU64,
}

/// What a connection is and stays.
#[derive(Debug, Clone, Copy)]
struct Birth {
    at: Instant,
    /// The number of its session in `pg_stat_activity`.
    session: i32,
}

/// A connection that is counted for as long as it is there.
struct Counted {
    connection: PgConnection,
    _one: Arc<()>,
}

struct Idle {
    connection: Counted,
    born: Birth,
    generation: u64,
    since: Instant,
}

/// What a pool is doing, for gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Most connections it opens.
    pub size: usize,
    /// Connections in use.
    pub busy: usize,
    /// Open connections not in use.
    pub idle: usize,
    /// Requests waiting for one.
    pub waiting: usize,
}

impl Connections {
    pub(crate) fn new(
        name: &'static str,
        options: PgConnectOptions,
        size: u32,
        wait: Duration,
        after_cancel: AfterCancel,
    ) -> Self {
        let gate = |size: usize| Gate::new(size, size * WAITING_PER_CONNECTION, wait, Keep::OneIn(3));
        Self(Arc::new(Shared {
            witness: Witness::new(options.clone()),
            name,
            options,
            after_cancel,
            wait,
            gate: gate(size as usize),
            long: gate((size as usize).div_ceil(2)),
            served: AtomicU64::new(0),
            idle: Mutex::new(Vec::with_capacity(size as usize)),
            returned: Notify::new(),
            count: Arc::default(),
            openings: Semaphore::new(size as usize),
            generation: AtomicU64::new(0),
        }))
    }

    /// A connection, opened when none is free and there may be one more.
    ///
    /// # Errors
    /// `PoolTimedOut` when none came free in time or too many wait already, [`TooMany`] when that is the doing of whoever
    /// asks; what connecting failed with.
    pub(crate) async fn lease(&self) -> sqlx::Result<Lease> {
        let requester = Requester::current();
        let before = self.0.served.load(Ordering::Relaxed);
        let refused = |refused| match refused {
            // Nothing at all went on meanwhile: then it is not the client that keeps everybody waiting.
            Refused::Share if self.0.served.load(Ordering::Relaxed) != before => {
                sqlx::Error::AnyDriverError(Box::new(TooMany(self.0.name)))
            }
            Refused::Share | Refused::Full => sqlx::Error::PoolTimedOut,
            Refused::Closed => sqlx::Error::PoolClosed,
        };
        let is_long = requester.as_ref().is_some_and(|requester| requester.is_long());
        let long = if is_long { Some(self.0.long.enter().await.map_err(refused)?) } else { None };
        let permit = Stay { _permit: self.0.gate.enter().await.map_err(refused)?, _long: long, since: None, requester };
        if let Some(idle) = self.0.pop() {
            let mut lease = Lease::new(idle.connection, idle.born, idle.generation, &self.0, permit);
            if idle.since.elapsed() < RESTED {
                return Ok(lease);
            }
            lease.state = match timeout(TEST, lease.connection().ping()).await {
                Ok(Ok(())) => State::Clean,
                Ok(Err(_)) => State::Broken,
                // A busy server is slow, too: that says nothing of the other connections.
                Err(_) => State::Lost,
            };
            if lease.state == State::Clean {
                return Ok(lease);
            }
            let Some(kept) = lease.take_permit() else { return Err(sqlx::Error::PoolTimedOut) };
            return self.open(kept).await;
        }
        self.open(permit).await
    }

    /// A new connection, or one that is given back while it is being opened: under load that is sooner.
    async fn open(&self, permit: Stay) -> sqlx::Result<Lease> {
        let mut opened = self.0.start_opening();
        let deadline = sleep(self.0.wait);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                opened = &mut opened => {
                    let (connection, born, generation) = opened.map_err(|_| sqlx::Error::WorkerCrashed)??;
                    return Ok(Lease::new(connection, born, generation, &self.0, permit));
                }
                () = self.0.returned.notified() => {
                    // Whoever waited longest takes it; it rested only for a moment, so it is good.
                    if let Some(idle) = self.0.pop() {
                        return Ok(Lease::new(idle.connection, idle.born, idle.generation, &self.0, permit));
                    }
                }
                () = &mut deadline => return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            }
        }
    }

    pub(crate) fn state(&self) -> PoolState {
        let (size, busy, waiting) = self.0.gate.state();
        PoolState { size, busy, idle: self.0.lock().len(), waiting }
    }

    /// Lets nobody in any more, waits for those who are in, and says good-bye to the server.
    pub(crate) async fn close(&self) {
        self.0.gate.close().await;
        let idle = std::mem::take(&mut *self.0.lock());
        for idle in idle {
            let _ = timeout(TEST, idle.connection.connection.close()).await;
        }
    }
}

impl Shared {
    /// What was opened together with a broken connection is most likely broken, too. Only the first of a generation speaks
    /// for it, so that connections opened since stay.
    fn give_up(&self, generation: u64) {
        let _ = self.generation.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last: the rest may grow old and be closed.
    fn pop(&self) -> Option<Idle> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut idle = self.lock();
        loop {
            let last = idle.pop()?;
            if last.generation == generation && last.born.at.elapsed() < MAX_AGE {
                return Some(last);
            }
        }
    }

    fn push(&self, idle: Idle) {
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
    fn start_opening(self: &Arc<Self>) -> oneshot::Receiver<sqlx::Result<(Counted, Birth, u64)>> {
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
