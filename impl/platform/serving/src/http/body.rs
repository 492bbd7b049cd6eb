//! The request body, with a timeout for the whole: a client that sends one byte a second does not hold a request open.
//!
//! A response often needs no body, an error response for example. The rest that the client is still sending is then read and
//! discarded for a while, because closing the connection would destroy the response in transit. For some of that time the
//! response is held back: a proxy that gets one while it still sends cannot reuse its client's connection, and some proxies do
//! not say so.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use contract::Streamed;
use http::Request;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use platform_admission::{Permit, Requester, Taken};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// From the head of a request to the end of its body; below the deadline of an operation.
const BODY_TIMEOUT: Duration = Duration::from_secs(7);

/// How long a response is held back for the end of an unneeded body.
const MAX_RESPONSE_DELAY: Duration = Duration::from_secs(2);

/// How long an unneeded body is read; longer than that, so that the response has time to arrive.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(4);

/// Smaller bodies are not counted, and larger ones in steps of this many bytes.
const COUNTED_STEP_BYTES: usize = 64 * 1024;

/// The state of a body that is read inside, shared with the code around it.
#[derive(Default)]
pub(crate) struct Reading {
    late: AtomicBool,
    place: Mutex<Option<Permit>>,
    /// Bytes in memory, counted against the sender until the request has its response.
    held: Mutex<Vec<Taken>>,
    refused: AtomicBool,
    /// Whether an operation reads it without keeping it.
    streamed: Streamed,
    /// The task that reads and discards an unneeded body.
    unwanted: Mutex<Option<JoinHandle<()>>>,
}

impl Reading {
    /// Holds the request's place among those in progress; it is released when the client is slow, so that slow senders do not
    /// crowd out the others.
    pub(crate) fn hold(&self, place: Permit) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Whether the body timed out.
    pub(crate) fn was_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    /// Whether the sender of the body has too much in memory already.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Counts the bytes received so far; false when there are too many.
    fn count(&self, requester: &Requester, received: usize) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while held.len() * COUNTED_STEP_BYTES + COUNTED_STEP_BYTES <= received {
            match requester.receive(COUNTED_STEP_BYTES) {
                Some(taken) => held.push(taken),
                None => {
                    self.refused.store(true, Ordering::Release);
                    return false;
                }
            }
        }
        true
    }

    /// Waits for the end of the body, for a limited time.
    pub(crate) async fn has_ended(&self) {
        let unwanted = self.unwanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(unwanted) = unwanted {
            // Reading goes on in the background.
            let _ = timeout(MAX_RESPONSE_DELAY, unwanted).await;
        }
    }

    fn leave(&self) {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Puts a timeout on a request's body, if it has one.
pub(crate) fn watch<B: Wire>(
    request: Request<B>,
    requester: Option<&Arc<Requester>>,
) -> (Request<axum::body::Body>, Option<Arc<Reading>>) {
    if request.body().is_end_stream() {
        return (request.map(|_| axum::body::Body::empty()), None);
    }
    let reading = Arc::new(Reading::default());
    let withheld = request.headers().contains_key(EXPECT);
    let timely = |body| axum::body::Body::new(Timely::new(body, Arc::clone(&reading), requester.cloned(), withheld));
    let mut request = request.map(timely);
    request.extensions_mut().insert(reading.streamed.clone());
    (request, Some(reading))
}

/// A body that fails when it takes too long.
struct Timely<B: Wire> {
    body: Option<B>,
    deadline: Instant,
    clock: Option<Pin<Box<Sleep>>>,
    reading: Arc<Reading>,
    requester: Option<Arc<Requester>>,
    received: usize,
    /// The client sends it only on request (`Expect: 100-continue`), so an unneeded one must not be requested.
    withheld: bool,
}

/// A body from a connection, or from a test.
pub(crate) trait Wire: Body<Data = Bytes, Error: Into<Failure>> + Send + Unpin + 'static {}
impl<B: Body<Data = Bytes, Error: Into<Failure>> + Send + Unpin + 'static> Wire for B {}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl<B: Wire> Timely<B> {
    fn new(body: B, reading: Arc<Reading>, requester: Option<Arc<Requester>>, withheld: bool) -> Self {
        let deadline = Instant::now() + BODY_TIMEOUT;
        Self { body: Some(body), deadline, clock: None, reading, requester, received: 0, withheld }
    }
}

impl<B: Wire> Body for Timely<B> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.withheld = false;
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let failure = match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, Bytes::len);
                let is_kept =
                    |who: &Arc<Requester>| self.reading.streamed.is_set() || self.reading.count(who, self.received);
                let counted = self.requester.as_ref().is_none_or(is_kept);
                if counted {
                    return Poll::Ready(Some(Ok(frame)));
                }
                // The rest is read and discarded.
                return Poll::Ready(Some(Err("too much of its sender is in memory".into())));
            }
            Poll::Ready(Some(Err(error))) => Some(error.into()),
            Poll::Ready(None) => None,
            Poll::Pending => {
                self.reading.leave();
                if self.reading.streamed.is_set() {
                    return Poll::Pending;
                }
                let deadline = self.deadline;
                let clock = self.clock.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if clock.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.reading.late.store(true, Ordering::Release);
                Some("the body did not arrive in time".into())
            }
        };
        // Nothing is left to read.
        self.body = None;
        Poll::Ready(failure.map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Wire> Drop for Timely<B> {
    fn drop(&mut self) {
        let unread = |body: &B| !self.withheld && !body.is_end_stream();
        let Some(mut body) = self.body.take().filter(unread) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let unwanted = runtime.spawn(async move {
            let all = async { while let Some(Ok(_)) = body.frame().await {} };
            let _ = timeout(DISCARD_TIMEOUT, all).await;
        });
        *self.reading.unwanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(unwanted);
    }
}
