//! Who a request counts for, known to everything on its road without being handed through signatures.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use contract::{Operation, Problem};
use nix::time::{ClockId, clock_gettime};

use super::refusals::{in_debt, too_many_streams, unread};
use super::{Budgets, Cost, LONG, Measurements, Pace, Stock, Subject, Taken};
use crate::error::Result;
use crate::http::Sender;
use crate::settings::HttpSettings;

/// Event streams of one address; those of a user are declared by the operation.
const STREAMS_OF_ADDRESS: usize = 256;

/// What a processor works for a request without charge: ten times what most take.
const SHORT_WORK: Duration = Duration::from_millis(5);

/// What a service's clients share, beside what its pools know themselves.
pub(crate) struct Shares {
    pub(crate) budgets: Budgets,
    pub(crate) pace: Pace,
    pub(crate) unsent: Stock,
    pub(crate) streams: Stock,
    streams_of_addresses: Stock,
    pub(crate) measurements: Measurements,
}

impl Shares {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        let budget = |amount: u32, unit: f64| f64::from(amount) * unit;
        let streams = settings.event_streams as usize;
        Self {
            budgets: Budgets::new([
                budget(settings.database_budget_seconds, 1.0),
                budget(settings.hashing_budget_seconds, 1.0),
                budget(settings.bytes_budget_mib, f64::from(1 << 20)),
                budget(settings.processor_budget_seconds, 1.0),
            ]),
            pace: Pace::default(),
            unsent: Stock::new((settings.http_unsent_mib as usize) << 20, 0.25, usize::MAX),
            streams: Stock::new(streams, 2.0, usize::MAX),
            streams_of_addresses: Stock::new(streams, 2.0, STREAMS_OF_ADDRESS),
            measurements: Measurements::default(),
        }
    }
}

/// Who made the request that is being worked on.
pub struct Requester {
    address: Subject,
    user: OnceLock<i64>,
    operation: OnceLock<&'static Operation>,
    /// Places among those who follow event streams, for as long as the answer lives.
    stream: OnceLock<(Taken, Taken)>,
    shares: Arc<Shares>,
}

impl Requester {
    pub(crate) fn new(address: Subject, shares: Arc<Shares>) -> Self {
        Self { address, user: OnceLock::new(), operation: OnceLock::new(), stream: OnceLock::new(), shares }
    }

    /// Of the request this task is working on; nobody in background work.
    pub fn current() -> Option<Arc<Self>> {
        Sender::requester()
    }

    /// Whom the request counts for: the user, as soon as that is known.
    pub fn subject(&self) -> Subject {
        self.user().map_or(self.address, Subject::User)
    }

    /// Who logged in, if anybody did.
    pub fn user(&self) -> Option<i64> {
        self.user.get().copied()
    }

    /// What was asked for, as soon as that is known.
    pub(crate) fn operation(&self) -> Option<&'static Operation> {
        self.operation.get().copied()
    }

    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Takes a place among those who follow event streams, of which a subject may have so many.
    fn follow(&self, most: u32) -> Result<(), Problem> {
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

    /// Counts the bytes of an answer until they are sent. What was done already is answered in any case.
    pub(crate) fn hold(&self, bytes: usize, done: bool) -> Result<Taken, Problem> {
        let unsent = &self.shares.unsent;
        match unsent.take(self.subject(), bytes) {
            Ok(taken) => Ok(taken),
            Err(_) if done => Ok(unsent.take_anyway(self.subject(), bytes)),
            Err(_) => Err(self.unread()),
        }
    }

    /// Whether statements of this operation are to be expected to take long.
    pub(crate) fn is_long(&self) -> bool {
        self.operation().is_some_and(|operation| self.shares.pace.is_long(operation.id, self.subject()))
    }

    /// A connection was held so long.
    pub(crate) fn statement_took(&self, time: Duration) {
        if let Some(operation) = self.operation() {
            self.shares.pace.took(operation.id, self.subject(), time);
        }
        if let Some(beyond) = time.checked_sub(LONG) {
            self.charge(Cost::Database, beyond.as_secs_f64());
        }
    }

    /// A processor worked so long for a request.
    fn worked(&self, time: Duration) {
        if let Some(beyond) = time.checked_sub(SHORT_WORK) {
            self.charge(Cost::Processor, beyond.as_secs_f64());
        }
    }

    /// Charges a budget of the subject's.
    pub(crate) fn charge(&self, cost: Cost, amount: f64) {
        self.shares.budgets.charge(self.subject(), cost, amount);
    }

    /// Counts bytes of a body that is being read; nothing when there are too many.
    pub(crate) fn receive(&self, bytes: usize) -> Option<Taken> {
        self.shares.unsent.take(self.subject(), bytes).ok()
    }

    fn unread(&self) -> Problem {
        self.shares.measurements.refused("unsent_bytes", "share");
        unread()
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Requester").field(&self.subject()).finish()
    }
}

/// Does what everybody who asks is given, and what is done once for all of them: it counts for nobody, so that nobody has
/// to wait until it is a stranger's turn.
pub async fn for_everybody<F: Future>(work: F) -> F::Output {
    Sender::nobodys(work).await
}

/// Work whose time on a processor is charged to whom it is done for, when it ends or is given up: who hangs up pays as well.
pub(crate) async fn metered<F: Future>(work: F, requester: Option<&Requester>) -> F::Output {
    let mut work = pin!(work);
    let mut worked = Worked { time: Duration::ZERO, requester };
    poll_fn(|context| {
        let begun = processor_time();
        let polled = work.as_mut().poll(context);
        worked.time += processor_time().saturating_sub(begun);
        polled
    })
    .await
}

struct Worked<'a> {
    time: Duration,
    requester: Option<&'a Requester>,
}

impl Drop for Worked<'_> {
    fn drop(&mut self) {
        if let Some(requester) = self.requester {
            requester.worked(self.time);
        }
    }
}

/// For how long this thread has run: on a busy machine it waits for its turn as well, which is nobody's doing.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// A token that is signed says who asks, before the database has said whether it is still good: what that costs counts for its
/// user, not for all who are at the same address.
pub(crate) fn identify(user: i64) {
    if let Some(requester) = Requester::current() {
        let _ = requester.user.set(user);
    }
}

/// The one door of all operations: from here on the request counts for its user, if it has one. Called after authentication,
/// before anything else is done.
///
/// # Errors
/// 429 for a subject that has used up one of its budgets, that does not read what it is sent, or that follows as many event
/// streams as it may.
pub fn enter(operation: &'static Operation, user: Option<i64>) -> Result<()> {
    let Some(requester) = Requester::current() else { return Ok(()) };
    let _ = requester.operation.set(operation);
    if let Some(user) = user {
        let _ = requester.user.set(user);
    }
    let subject = requester.subject();
    if let Err((cost, wait)) = requester.shares.budgets.check(subject) {
        requester.shares.measurements.refused(cost.name(), "budget");
        return Err(in_debt(cost, wait).into());
    }
    if !requester.shares.unsent.has_room(subject) {
        return Err(requester.unread().into());
    }
    // Before anything is done for it. An answer that turns out to be none gives the place back when it is sent.
    if let Some(most) = operation.event_streams {
        requester.follow(most)?;
    }
    Ok(())
}
