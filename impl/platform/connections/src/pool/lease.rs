//! A leased connection: the state it is known to be in, and what happens to it after the lease.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use platform_admission::{Permit, Requester};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::shared::{AfterCancel, Birth, Counted, Idle, Shared};
use crate::failure::breaks_connection;

/// How long a cancelled read may take to end before its connection is closed; above the statement timeout.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Watches the session of a leased connection without holding the lease.
pub struct Watch {
    shared: Arc<Shared>,
    born: Birth,
    generation: u64,
}

impl Watch {
    /// Waits for the end of what a session that was given up still does.
    async fn end(&self, work: impl Future) {
        self.shared.witness.end(self.born.session, self.born.server, work).await;
    }

    /// The result of `work`; `None` when its session is lost. Then the other connections of its generation are not used any
    /// more either.
    pub async fn over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = self.shared.witness.watch(self.born.session, self.born.server, work).await;
        if done.is_none() {
            self.shared.give_up(self.generation);
        }
        done
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The end of its last statement was seen.
    Clean,
    /// In use, or abandoned in use.
    Unknown,
    /// Must not be used again.
    Broken,
    /// Must not be used again, but says nothing about other connections.
    Lost,
}

/// A place at the gate, and its subject. The time it is held is charged as the cost of its statements.
pub(super) struct Stay {
    pub(super) _permit: Permit,
    pub(super) _long: Option<Permit>,
    pub(super) since: Option<Instant>,
    pub(super) requester: Option<Arc<Requester>>,
}

impl Stay {
    /// Charges the time until now; what comes after it is nobody's.
    fn charge(&mut self) {
        if let (Some(requester), Some(since)) = (&self.requester, self.since.take()) {
            requester.statement_took(since.elapsed());
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.charge();
    }
}

/// A leased connection. Dropped while its state is unknown, it does not return to the pool as it is.
pub struct Lease {
    connection: Option<Counted>,
    born: Birth,
    generation: u64,
    pub(super) state: State,
    shared: Arc<Shared>,
    permit: Option<Stay>,
}

impl Lease {
    pub(super) fn new(
        connection: Counted,
        born: Birth,
        generation: u64,
        shared: &Arc<Shared>,
        mut permit: Stay,
    ) -> Self {
        let shared = Arc::clone(shared);
        // The time to open a connection is not charged to the client.
        permit.since = Some(Instant::now());
        Self { connection: Some(connection), born, generation, state: State::Clean, shared, permit: Some(permit) }
    }

    /// The connection. Its state is unknown until [`Lease::settle`] is called.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.state = State::Unknown;
        &mut self.connection.as_mut().expect("a lease holds its connection until it is dropped").connection
    }

    /// A watch on its session.
    pub fn watch(&self) -> Watch {
        Watch { shared: Arc::clone(&self.shared), born: self.born, generation: self.generation }
    }

    /// Which of the databases that its pool has met it is connected to.
    pub fn history(&self) -> u64 {
        self.born.history
    }

    /// The connection, read-only.
    pub fn peek(&self) -> &PgConnection {
        &self.connection.as_ref().expect("a lease holds its connection until it is dropped").connection
    }

    /// Records how the last statement ended: the connection is clean again unless the failure broke it.
    pub fn settle<T>(&mut self, result: &sqlx::Result<T>) {
        self.state = match result {
            Err(error) if breaks_connection(error) => State::Broken,
            _ => State::Clean,
        };
        if result.is_ok() {
            self.shared.served.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As [`Lease::settle`], with a failure that happened before the connection was cleaned up.
    pub fn settle_after(&mut self, failure: &sqlx::Error) {
        if breaks_connection(failure) {
            self.state = State::Broken;
        }
    }

    pub(super) fn take_permit(mut self) -> Option<Stay> {
        self.permit.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let (born, generation) = (self.born, self.generation);
        match self.state {
            State::Clean => self.shared.push(Idle { connection, born, generation, since: Instant::now() }),
            State::Broken => self.shared.give_up(generation),
            State::Lost => {}
            State::Unknown => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                let (shared, mut permit, watch) = (Arc::clone(&self.shared), self.permit.take(), self.watch());
                runtime.spawn(async move {
                    if shared.after_cancel == AfterCancel::Close {
                        // A server that waits for a standby does not notice that its client is gone: its session goes on to take one of
                        // its connections, and so of ours.
                        if let Some(permit) = &mut permit {
                            permit.charge();
                        }
                        let _abandoned = shared.abandon();
                        watch.end(connection.connection.ping()).await;
                        return;
                    }
                    if matches!(
                        timeout(RECOVERY_TIMEOUT, watch.over(connection.connection.ping())).await,
                        Ok(Some(Ok(())))
                    ) {
                        shared.push(Idle { connection, born, generation, since: Instant::now() });
                    }
                    drop(permit);
                });
            }
        }
    }
}
