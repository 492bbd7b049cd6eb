//! Admission of the request that the current task processes.

use std::sync::Arc;

use contract::{Operation, Problem};

use crate::refusals::{in_debt, too_many_at_once};
use crate::requester::Requester;
use crate::sender::Sender;

impl Requester {
    /// That of the current request; `None` in background work.
    pub fn current() -> Option<Arc<Self>> {
        Sender::requester()
    }
}

/// Runs work whose result is shared by all clients: it counts for no subject, so that no client waits for the turn of
/// another.
pub fn for_everybody<F: Future>(work: F) -> impl Future<Output = F::Output> {
    Sender::nobodys(work)
}

/// Records the user of a signed token before the database has confirmed the session: the cost of that counts for the
/// user, not for everyone at the same address.
pub fn identify(user: i64) {
    if let Some(requester) = Requester::current() {
        let _ = requester.user.set(user);
    }
}

/// The single entry point of all operations: from here on the request counts for its user, if it has one. Called after
/// authentication, before anything else is done.
///
/// # Errors
/// 429 for a subject that has exhausted a budget, that does not read its responses, or that has as many event streams open
/// as it may.
pub fn enter(operation: &'static Operation, user: Option<i64>) -> Result<(), Problem> {
    let Some(requester) = Requester::current() else { return Ok(()) };
    let _ = requester.operation.set(operation);
    if let Some(user) = user {
        let _ = requester.user.set(user);
    }
    let subject = requester.subject();
    if let Err((cost, wait)) = requester.shares().budgets.check(subject) {
        requester.shares().measurements.refused(cost.name(), "budget");
        return Err(in_debt(cost, wait));
    }
    if !requester.shares().unsent.has_room(subject) {
        return Err(requester.unread());
    }
    // Before any work is done. A response that turns out not to be a stream releases the place when it is sent.
    if let Some(most) = operation.event_streams {
        requester.follow(most)?;
    }
    Ok(())
}

/// 429: the subject has as much of a resource in use as it may; it is released soon.
pub fn too_many(resource: &'static str) -> Problem {
    if let Some(requester) = Requester::current() {
        requester.shares().measurements.refused(resource, "share");
    }
    too_many_at_once()
}
