//! A pool of Postgres connections that tracks whether a connection is clean.
//!
//! sqlx's own pool pings the server after every use of a connection (one more round trip for each request), and takes back
//! connections that are inside an open transaction when `begin` was cancelled. Here a connection is returned only after its last
//! statement was seen to end; one that was cancelled before is cleaned up in the background or closed, and one that was idle is
//! tested before it is used.

mod lease;
mod shared;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform_admission::{Gate, Keep, Refused, Requester, TooMany};
use sqlx::Connection as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use self::lease::{State, Stay};
use self::shared::{Shared, TEST_TIMEOUT};
use crate::server_state::NotWritable;
use crate::servers::Servers;
use crate::silence::Witness;

pub use self::lease::{Lease, Watch};
pub use self::shared::AfterCancel;

/// Requests that may wait for each connection; with more they would time out anyway.
const MAX_QUEUED_PER_CONNECTION: usize = 64;
/// A connection that was idle for longer is tested before use: the server may have restarted meanwhile.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// A bounded set of connections to one database with the same options.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

/// The state of a pool, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// The maximum number of connections.
    pub size: usize,
    /// Connections in use.
    pub busy: usize,
    /// Open connections that are not in use.
    pub idle: usize,
    /// Connections that were given up, and whose sessions are still at work: most likely they wait for a synchronous standby.
    pub abandoned: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
}

impl Connections {
    /// A pool of at most `size` connections, which are opened on demand. A request waits `wait` for its turn, and again for a new connection;
    /// `name` is that of the resource in error responses.
    pub fn new(name: &'static str, servers: Servers, size: u32, wait: Duration, after_cancel: AfterCancel) -> Self {
        let gate = |size: usize| Gate::new(size, size * MAX_QUEUED_PER_CONNECTION, wait, Keep::OneIn(3));
        Self(Arc::new(Shared {
            witness: Witness::new(servers.clone()),
            name,
            servers,
            after_cancel,
            wait,
            gate: gate(size as usize),
            long: gate((size as usize).div_ceil(2)),
            served: AtomicU64::new(0),
            idle: Mutex::new(Vec::with_capacity(size as usize)),
            returned: Notify::new(),
            count: Arc::default(),
            abandoned: Arc::default(),
            openings: Semaphore::new(size as usize),
            generation: AtomicU64::new(0),
            not_writable: Mutex::default(),
            history: Mutex::default(),
        }))
    }

    /// Leases a connection; a new one is opened when none is idle and the limit allows it.
    ///
    /// # Errors
    /// `PoolTimedOut` when none became available in time or too many requests wait already, [`TooMany`] when the requester itself
    /// holds its share; connection errors.
    pub async fn lease(&self) -> sqlx::Result<Lease> {
        let requester = Requester::current();
        let before = self.0.served.load(Ordering::Relaxed);
        let refused = |refused| match refused {
            // Nothing was served meanwhile: then this client is not the reason why requests wait.
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
            if idle.since.elapsed() < TEST_AFTER_IDLE {
                return Ok(lease);
            }
            lease.state = match timeout(TEST_TIMEOUT, lease.connection().ping()).await {
                Ok(Ok(())) => State::Clean,
                Ok(Err(_)) => State::Broken,
                // A busy server is slow, too: that says nothing about the other connections.
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

    /// A new connection, or one that is returned meanwhile: under load that is sooner.
    async fn open(&self, permit: Stay) -> sqlx::Result<Lease> {
        if self.0.is_not_writable() {
            return Err(sqlx::Error::AnyDriverError(Box::new(NotWritable)));
        }
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
                    // The longest waiting request takes it; it was idle only for a moment, so it needs no test.
                    if let Some(idle) = self.0.pop() {
                        return Ok(Lease::new(idle.connection, idle.born, idle.generation, &self.0, permit));
                    }
                }
                () = &mut deadline => return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            }
        }
    }

    /// How it is used now.
    pub fn state(&self) -> PoolState {
        let (size, busy, waiting) = self.0.gate.state();
        let abandoned = Arc::strong_count(&self.0.abandoned) - 1;
        PoolState { size, busy: busy.saturating_sub(abandoned), idle: self.0.lock().len(), abandoned, waiting }
    }

    /// Admits no one any more, waits until all connections are returned, and closes them.
    pub async fn close(&self) {
        self.0.gate.close().await;
        let idle = std::mem::take(&mut *self.0.lock());
        for idle in idle {
            let _ = timeout(TEST_TIMEOUT, idle.connection.connection.close()).await;
        }
    }
}
