//! Responses in transit: the unread part counts against the client until the kernel has the last byte, or the connection is
//! closed.
//!
//! The place among the requests in progress is released earlier, when the handler ends: it stands for work, and a slow reader
//! causes none.

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

use super::connection::WRITE_BUFFER_BYTES;

/// Smaller responses fit into the kernel's buffer at once.
const MAX_UNCOUNTED_BYTES: usize = 16 * 1024;
/// Bytes of a response that are not charged.
const UNCHARGED_BYTES: usize = 256 * 1024;

/// The response, counted against the requester as long as any of it waits to be sent.
///
/// # Errors
/// 429 when too much waits already.
///
/// `named` has the ids for its log lines.
pub(super) fn held(
    method: &Method,
    response: Response,
    requester: &Arc<Requester>,
    named: (&RequestId, Option<TraceContext>),
) -> Result<Response, Problem> {
    // An error response says that nothing was done.
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
        Some(size) if size <= MAX_UNCOUNTED_BYTES => Ok(response),
        Some(size) => {
            let held = requester.hold(size, done)?;
            requester.charge(Cost::Bytes, size.saturating_sub(UNCHARGED_BYTES) as f64);
            let (parts, body) = response.into_parts();
            // A body in memory is ready at once, and its bytes are not copied.
            let bytes = match body.collect().now_or_never() {
                Some(Ok(collected)) => collected.to_bytes(),
                _ => return Err(Problem::internal("a body of known size that is not in memory")),
            };
            Ok(Response::from_parts(parts, Bytes::from_owner(Waiting { bytes, _held: held }).into()))
        }
        // Of a stream no more is in memory than may be buffered.
        None => {
            let (held, requester) = (requester.hold(WRITE_BUFFER_BYTES, done)?, Arc::clone(requester));
            let sender = Sender::named(named.0.clone(), named.1).counted(Arc::clone(&requester));
            Ok(response.map(|body| Body::new(Streamed { body, sender, requester, sent: 0, _held: held })))
        }
    }
}

/// Bytes that are counted until they are written.
struct Waiting {
    bytes: Bytes,
    _held: Taken,
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A stream that holds a guard until it ends. The work for its items counts for its requester.
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
            self.requester.charge(Cost::Bytes, sent.saturating_sub(UNCHARGED_BYTES).min(data.len()) as f64);
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
