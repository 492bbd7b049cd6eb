//! What a server responded, or why it did not.

use std::fmt;
use std::time::{Duration, Instant};

use platform_store::ServerState;
use tokio::time::timeout;

/// The timeout of a poll; then the server counts as unavailable.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// A result and the time it took, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) took: Duration,
    pub(super) state: Result<T, Failure>,
}

/// The state of a server, and the error that told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) state: ServerState,
    pub(super) error: String,
}

impl<T> Found<T> {
    /// The state of the server; `of` what it responded.
    pub(super) fn server(&self, of: impl FnOnce(&T) -> Option<&Failure>) -> ServerState {
        self.failure(of).map_or(ServerState::Writable, |failure| failure.state)
    }

    pub(super) fn failure(&self, of: impl FnOnce(&T) -> Option<&Failure>) -> Option<&Failure> {
        match &self.state {
            Ok(found) => of(found),
            Err(failure) => Some(failure),
        }
    }
}

/// Asks a server.
pub(super) async fn ask<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
    state_of: fn(&E) -> ServerState,
    question: impl FnOnce() -> F,
) -> Found<T> {
    let begun = Instant::now();
    let late = || format!("no response within {} s", POLL_TIMEOUT.as_secs());
    let state = match timeout(POLL_TIMEOUT, question()).await {
        Ok(response) => response.map_err(|error| Failure { state: state_of(&error), error: error.to_string() }),
        Err(_) => Err(Failure { state: ServerState::Silent, error: late() }),
    };
    Found { took: begun.elapsed(), state }
}
