//! Work whose CPU time is charged to the client that it is done for.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::requester::Requester;

/// Runs work and charges its CPU time to the requester when it ends or is cancelled: a client that disconnects is charged as
/// well.
pub async fn metered<F: Future>(mut work: Pin<&mut F>, requester: Option<&Requester>) -> F::Output {
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

/// The CPU time of this thread. Unlike wall-clock time it excludes waiting for a busy CPU.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
