//! What a server responded, or why it did not.

use std::fmt;
use std::time::{Duration, Instant};

use platform_store::ServerState;
use tokio::time::timeout;

/// The timeout of a poll; then the server counts as unavailable.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// What a server told, why it cannot be written to, and the time that took. One that tells something is reached.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) took: Duration,
    pub(super) told: Option<T>,
    pub(super) failure: Option<Failure>,
}

/// The state of a server, and the error that told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) state: ServerState,
    pub(super) error: String,
}

impl<T> Found<T> {
    pub(super) fn state(&self) -> ServerState {
        self.failure.as_ref().map_or(ServerState::Writable, |failure| failure.state)
    }
}

/// Asks a server, which may tell something and yet accept no writes.
pub(super) async fn ask<T, E: fmt::Display, F: Future<Output = Result<(T, Option<Failure>), E>>>(
    state_of: fn(&E) -> ServerState,
    question: impl FnOnce() -> F,
) -> Found<T> {
    let begun = Instant::now();
    let late = || format!("no response within {} s", POLL_TIMEOUT.as_secs());
    let (told, failure) = match timeout(POLL_TIMEOUT, question()).await {
        Ok(Ok((told, failure))) => (Some(told), failure),
        Ok(Err(error)) => (None, Some(Failure { state: state_of(&error), error: error.to_string() })),
        Err(_) => (None, Some(Failure { state: ServerState::Silent, error: late() })),
    };
    Found { took: begun.elapsed(), told, failure }
}
