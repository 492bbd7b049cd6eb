//! The request that a task is working on, before admission control.

use std::sync::Arc;

use contract::{Operation, Problem};

use crate::refusals::{in_debt, too_many_at_once};
use crate::requester::Requester;
use crate::sender::Sender;

impl Requester {
    /// Of the request this task is working on; nobody in background work.
    pub fn current() -> Option<Arc<Self>> {
        Sender::requester()
    }
}

/// Does what everybody who asks is given, and what is done once for all of them: it counts for nobody, so that nobody has
/// to wait until it is a stranger's turn.
pub fn for_everybody<F: Future>(work: F) -> impl Future<Output = F::Output> {
    Sender::nobodys(work)
}

/// A token that is signed says who asks, before the database has said whether it is still good: what that costs counts for its
/// user, not for all who are at the same address.
pub fn identify(user: i64) {
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
    // Before anything is done for it. An answer that turns out to be none gives the place back when it is sent.
    if let Some(most) = operation.event_streams {
        requester.follow(most)?;
    }
    Ok(())
}

/// 429: the subject has as much of a resource under way as it may; what it waits for comes free soon.
pub fn too_many(resource: &'static str) -> Problem {
    if let Some(requester) = Requester::current() {
        requester.shares().measurements.refused(resource, "share");
    }
    too_many_at_once()
}
