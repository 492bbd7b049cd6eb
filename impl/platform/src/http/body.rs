//! The body of a request, bounded in time as a whole: one byte a second is progress, but no request.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// From the head of a request to the end of its body; below the deadline of an operation.
const WHOLE: Duration = Duration::from_secs(7);

/// What the road outside learns of a body that is read inside.
#[derive(Default)]
pub(crate) struct Reading {
    late: AtomicBool,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Reading {
    /// Holds the request's place among those that are worked on; it is given up when the client keeps us waiting, so
    /// that slow senders do not crowd out the others.
    pub(crate) fn new(place: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self { late: AtomicBool::new(false), place: Mutex::new(Some(place)) })
    }

    /// Whether the body did not arrive in time.
    pub(crate) fn was_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    fn leave(&self) {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A body that fails when it takes too long.
pub(crate) struct Timely<B> {
    body: B,
    deadline: Instant,
    clock: Option<Pin<Box<Sleep>>>,
    reading: Arc<Reading>,
}

impl<B> Timely<B> {
    pub(crate) fn new(body: B, reading: Arc<Reading>) -> Self {
        Self { body, deadline: Instant::now() + WHOLE, clock: None, reading }
    }
}

impl<B> Body for Timely<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Poll::Pending => {
                self.reading.leave();
                let deadline = self.deadline;
                let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if clock.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.reading.late.store(true, Ordering::Release);
                Poll::Ready(Some(Err("the body did not arrive in time".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
