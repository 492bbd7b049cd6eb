//! The socket under hyper: closed when the client does not read its response, and without bare errors.
//!
//! hyper bounds the time for a request's head and for an idle connection, but a client may read its response one byte a minute;
//! and hyper's own responses to requests that it cannot parse are not problem documents.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use contract::RequestId;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use uuid::Uuid;

use super::refusals::{headers_too_large, malformed, target_too_long};

/// How much of a response hyper buffers before sending, and of a head before parsing; a head must fit.
pub(super) const WRITE_BUFFER_BYTES: usize = 256 * 1024;
/// A client whose socket is full must read this many bytes in [`STALL_TIMEOUT`]: about 6 KB/s.
const MIN_BYTES_READ: usize = 32 * 1024;
/// See [`MIN_BYTES_READ`].
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection with a minimum read rate of the client.
pub(crate) struct Watched {
    socket: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the timer `stalled` is running.
    counting: bool,
    /// Bytes read since its start.
    taken: usize,
    /// Sent instead of an error of hyper's own.
    instead: Option<Bytes>,
}

impl Watched {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, stalled: None, counting: false, taken: 0, instead: None }
    }

    /// Called with the result of a write of `offered` bytes.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(count)) => {
                self.taken += count;
                if count == offered || self.taken >= MIN_BYTES_READ {
                    self.counting = false;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let deadline = Instant::now() + STALL_TIMEOUT;
                let clock = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if !self.counting {
                    clock.as_mut().reset(deadline);
                    self.counting = true;
                    self.taken = 0;
                }
                if clock.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        wrote
    }

    /// Sends the whole of `instead`, then reports the original as written.
    fn replace(&mut self, cx: &mut Context<'_>, original: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = self.instead.as_mut() {
            let length = rest.len();
            let wrote = Pin::new(&mut self.socket).poll_write(cx, rest);
            let count = ready!(self.watch(cx, wrote, length))?;
            if let Some(rest) = self.instead.as_mut() {
                rest.advance(count);
                if rest.is_empty() || count == 0 {
                    self.instead = None;
                }
            }
        }
        Poll::Ready(Ok(original))
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            self.instead = bare_error(bytes);
        }
        if self.instead.is_some() {
            return self.replace(cx, bytes.len());
        }
        let wrote = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(cx, wrote, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let wrote = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.watch(cx, wrote, offered)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The problem document for a response that hyper created itself: every response of ours has a request id.
fn bare_error(bytes: &[u8]) -> Option<Bytes> {
    const REQUEST_ID_FIELD: &[u8] = b"x-request-id: ";
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    if status[0] != b'4'
        || !bytes.ends_with(b"\r\n\r\n")
        || bytes.windows(REQUEST_ID_FIELD.len()).any(|part| part == REQUEST_ID_FIELD)
    {
        return None;
    }
    let problem = match status {
        b"431" => headers_too_large(),
        b"414" => target_too_long(),
        _ => malformed(),
    };
    let status = problem.status();
    let id = Uuid::now_v7().to_string();
    let response = problem.into_response_for(Some(&RequestId(id.as_str().into())));
    // A body in memory is ready at once.
    let body = response.into_body().collect().now_or_never()?.ok()?.to_bytes();
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-request-id: {id}\r\nx-content-type-options: nosniff\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        body.len(),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Some(answer.into())
}
