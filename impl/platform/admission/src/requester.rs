//! The client that a request counts for, available to everything that processes the request without passing it along.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use contract::{Operation, Problem};

use crate::budget::Cost;
use crate::pace::LONG_STATEMENT;
use crate::refusals::{too_many_streams, unread};
use crate::shares::Shares;
use crate::stock::Taken;
use crate::subject::Subject;

/// CPU time of a request that is not charged: ten times what most requests take.
const UNCHARGED_CPU_TIME: Duration = Duration::from_millis(5);

/// The client that sent the current request.
pub struct Requester {
    address: Subject,
    pub(crate) user: OnceLock<i64>,
    pub(crate) operation: OnceLock<&'static Operation>,
    /// Its places among open event streams, held as long as the response lives.
    stream: OnceLock<(Taken, Taken)>,
    shares: Arc<Shares>,
}

impl Requester {
    /// The requester at an address.
    pub fn new(address: Subject, shares: Arc<Shares>) -> Self {
        Self { address, user: OnceLock::new(), operation: OnceLock::new(), stream: OnceLock::new(), shares }
    }

    /// The subject that the request counts for: the user, as soon as that is known.
    pub fn subject(&self) -> Subject {
        self.user().map_or(self.address, Subject::User)
    }

    /// Where it is.
    pub fn address(&self) -> Subject {
        self.address
    }

    /// The authenticated user, if any.
    pub fn user(&self) -> Option<i64> {
        self.user.get().copied()
    }

    /// The operation, as soon as that is known.
    pub fn operation(&self) -> Option<&'static Operation> {
        self.operation.get().copied()
    }

    /// The resources it shares with others.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Takes a place for an event stream, of which a subject may have `most`.
    pub(crate) fn follow(&self, most: u32) -> Result<(), Problem> {
        let stream = self.shares.streams.take_at_most(self.subject(), 1, most as usize);
        match (stream, self.shares.streams_of_addresses.take(self.address, 1)) {
            (Ok(stream), Ok(of_address)) => {
                let _ = self.stream.set((stream, of_address));
                Ok(())
            }
            _ => {
                self.shares.measurements.refused("event_streams", "share");
                Err(too_many_streams(most))
            }
        }
    }

    /// Counts the bytes of a response until they are sent. If the operation is `done`, the response is sent in any case.
    pub fn hold(&self, bytes: usize, done: bool) -> Result<Taken, Problem> {
        let unsent = &self.shares.unsent;
        match unsent.take(self.subject(), bytes) {
            Ok(taken) => Ok(taken),
            Err(_) if done => Ok(unsent.take_anyway(self.subject(), bytes)),
            Err(_) => Err(self.unread()),
        }
    }

    /// Whether statements of this operation are expected to take long.
    pub fn is_long(&self) -> bool {
        self.operation().is_some_and(|operation| self.shares.pace.is_long(operation.id, self.subject()))
    }

    /// Records how long a connection was held.
    pub fn statement_took(&self, time: Duration) {
        if let Some(operation) = self.operation() {
            self.shares.pace.took(operation.id, self.subject(), time);
        }
        if let Some(beyond) = time.checked_sub(LONG_STATEMENT) {
            self.charge(Cost::Database, beyond.as_secs_f64());
        }
    }

    /// Records the CPU time of a request.
    pub(crate) fn worked(&self, time: Duration) {
        if let Some(beyond) = time.checked_sub(UNCHARGED_CPU_TIME) {
            self.charge(Cost::Processor, beyond.as_secs_f64());
        }
    }

    /// Charges a budget of the subject.
    pub fn charge(&self, cost: Cost, amount: f64) {
        self.shares.budgets.charge(self.subject(), cost, amount);
    }

    /// Counts bytes of a body that is being received; `None` when there are too many.
    pub fn receive(&self, bytes: usize) -> Option<Taken> {
        self.shares.unsent.take(self.subject(), bytes).ok()
    }

    pub(crate) fn unread(&self) -> Problem {
        self.shares.measurements.refused("buffered_bytes", "share");
        unread()
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Requester").field(&self.subject()).finish()
    }
}
