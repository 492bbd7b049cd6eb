//! Answers on their way: what a client has not read yet is held against it until the kernel has the last byte, or the
//! connection is gone.
//!
//! The place among the requests that are worked on is given back earlier, when the handler ends: it stands for work, and a slow
//! reader makes none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use contract::{Problem, RequestId};
use futures_util::FutureExt;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use platform_admission::{Cost, Requester, Sender, Taken};
use platform_telemetry::traces::TraceContext;

use super::serve::WRITE_BUFFER;

/// Smaller answers are the kernel's at once.
const SMALL: usize = 16 * 1024;
/// Bytes of an answer that are not charged.
const FREE: usize = 256 * 1024;

/// The answer, counted against the requester for as long as any of it waits to be sent.
///
/// # Errors
/// 429 when too much waits already.
///
/// `named` is what its lines in the log are told apart by.
pub(super) fn held(
    method: &Method,
    response: Response,
    requester: &Arc<Requester>,
    named: (&RequestId, Option<TraceContext>),
) -> Result<Response, Problem> {
    // A refusal says that nothing was done.
    let done = !method.is_safe();
    let events = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"text/event-stream");
    if response.headers().get(CONTENT_TYPE).is_some_and(events) {
        // The requester holds its place, and the stream the requester.
        let sender = Sender::named(named.0.clone(), named.1).counted(Arc::clone(requester));
        let requester = Arc::clone(requester);
        return Ok(response.map(|body| Body::new(Streamed { body, sender, requester, sent: 0, _held: () })));
    }
    let size = response.body().size_hint().exact().map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    match size {
        Some(size) if size <= SMALL => Ok(response),
        Some(size) => {
            let held = requester.hold(size, done)?;
            requester.charge(Cost::Bytes, size.saturating_sub(FREE) as f64);
            let (parts, body) = response.into_parts();
            // A body in memory is there at once, and its bytes are not copied.
            let bytes = match body.collect().now_or_never() {
                Some(Ok(collected)) => collected.to_bytes(),
                _ => return Err(Problem::internal("a body of known size that is not in memory")),
            };
            Ok(Response::from_parts(parts, Bytes::from_owner(Waiting { bytes, _held: held }).into()))
        }
        // Of a stream no more is in memory than may be buffered.
        None => {
            let (held, requester) = (requester.hold(WRITE_BUFFER, done)?, Arc::clone(requester));
            let sender = Sender::named(named.0.clone(), named.1).counted(Arc::clone(&requester));
            Ok(response.map(|body| Body::new(Streamed { body, sender, requester, sent: 0, _held: held })))
        }
    }
}

/// Bytes that whoever writes them keeps until they are written.
struct Waiting {
    bytes: Bytes,
    _held: Taken,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A stream that holds something for as long as it lives. What is done for its next piece counts for whoever asked for it.
struct Streamed<H> {
    body: Body,
    sender: Sender,
    requester: Arc<Requester>,
    sent: usize,
    _held: H,
}

impl<H: Unpin> http_body::Body for Streamed<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = self.sender.clone().sync_scope(|| Pin::new(&mut self.body).poll_frame(cx));
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            let sent = self.sent + data.len();
            self.requester.charge(Cost::Bytes, sent.saturating_sub(FREE).min(data.len()) as f64);
            self.sent = sent;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
