//! A connection on loan: what is known of its state, and what becomes of it afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use platform_admission::{Permit, Requester};
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::shared::{AfterCancel, Birth, Counted, Idle, Shared};
use crate::error::breaks_connection;

/// A cancelled read is given this long to end before its connection is closed; above the statement timeout.
const RECOVERY: Duration = Duration::from_secs(5);

/// Waits for what a connection on loan does, without holding it.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    born: Birth,
    generation: u64,
}

impl Watch {
    /// What `work` yields; `None` when its session will never answer. Then its siblings are not used any more either.
    pub(crate) async fn over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = self.shared.witness.watch(self.born.session, work).await;
        if done.is_none() {
            self.shared.give_up(self.generation);
        }
        done
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Its last statement was seen to end.
    Clean,
    /// In use, or abandoned in use.
    Unknown,
    /// Must not be used again.
    Broken,
    /// Must not be used again, for a reason of its own.
    Lost,
}

/// A place at the gate, and for whom. What it is held for is what its statements cost.
pub(super) struct Stay {
    pub(super) _permit: Permit,
    pub(super) _long: Option<Permit>,
    pub(super) since: Option<Instant>,
    pub(super) requester: Option<Arc<Requester>>,
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let (Some(requester), Some(since)) = (&self.requester, self.since) {
            requester.statement_took(since.elapsed());
        }
    }
}

/// A connection on loan. Dropped while its state is unknown, it does not go back as it is.
pub(crate) struct Lease {
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
        // Opening a connection is not what the client asked for.
        permit.since = Some(Instant::now());
        Self { connection: Some(connection), born, generation, state: State::Clean, shared, permit: Some(permit) }
    }

    /// The connection. Until [`Lease::settle`] is called its state is unknown.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.state = State::Unknown;
        &mut self.connection.as_mut().expect("a lease holds its connection until it is dropped").connection
    }

    /// To wait for what the connection does.
    pub(crate) fn watch(&self) -> Watch {
        Watch { shared: Arc::clone(&self.shared), born: self.born, generation: self.generation }
    }

    /// The connection, only looked at.
    pub(crate) fn peek(&self) -> &PgConnection {
        &self.connection.as_ref().expect("a lease holds its connection until it is dropped").connection
    }

    /// Tells how the last statement ended: the connection is clean again unless the failure broke it.
    pub(crate) fn settle<T>(&mut self, result: &sqlx::Result<T>) {
        self.state = match result {
            Err(error) if breaks_connection(error) => State::Broken,
            _ => State::Clean,
        };
        if result.is_ok() {
            self.shared.served.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As [`Lease::settle`] with a failure that was seen before the connection was tidied up.
    pub(crate) fn settle_after(&mut self, failure: &sqlx::Error) {
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
            State::Unknown if self.shared.after_cancel == AfterCancel::Close => {}
            State::Unknown => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                let (shared, permit, watch) = (Arc::clone(&self.shared), self.permit.take(), self.watch());
                runtime.spawn(async move {
                    if matches!(timeout(RECOVERY, watch.over(connection.connection.ping())).await, Ok(Some(Ok(())))) {
                        shared.push(Idle { connection, born, generation, since: Instant::now() });
                    }
                    drop(permit);
                });
            }
        }
    }
}
