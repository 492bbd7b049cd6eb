//! A bounded room with a bounded queue in front: beyond both, refusal is immediate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Admits `size` at once, lets `queue` more wait for at most `patience`.
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    size: usize,
    queue: usize,
    patience: Duration,
    waiting: AtomicUsize,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The queue is full, or the wait was too long.
    Full,
    /// The gate was closed for good.
    Closed,
}

impl Gate {
    pub(crate) fn new(size: usize, queue: usize, patience: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(size)), size, queue, patience, waiting: AtomicUsize::new(0) }
    }

    /// Comes in; dropping the permit goes out. Cancelling the wait is harmless.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Refused> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let place = Place::take(&self.waiting);
        if place.before >= self.queue {
            return Err(Refused::Full);
        }
        match timeout(self.patience, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Refused::Closed),
            Err(_) => Err(Refused::Full),
        }
    }

    /// How many it admits, how many of them are in, how many wait.
    pub(crate) fn state(&self) -> (usize, usize, usize) {
        let inside = self.size.saturating_sub(self.permits.available_permits());
        (self.size, inside, self.waiting.load(Ordering::Relaxed))
    }

    /// Lets nobody in any more and waits until everybody is out.
    pub(crate) async fn close(&self) {
        let everybody = self.permits.acquire_many(u32::try_from(self.size).unwrap_or(u32::MAX)).await;
        self.permits.close();
        drop(everybody);
    }
}

/// A place in the queue, given up also when the wait is cancelled.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    before: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, before: waiting.fetch_add(1, Ordering::AcqRel) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
