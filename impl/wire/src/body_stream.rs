//! The bytes of a body while they arrive, no more than the operation reads.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use tokio::io::AsyncRead;
use tokio::time::{Sleep, sleep};
use tokio_util::io::StreamReader;

use crate::encoding::{Unpackable, Unpacking};

/// Why a body ends early.
#[derive(Debug)]
pub enum Ended {
    /// It is larger than this.
    TooLarge(usize),
    /// The client stopped sending it.
    Incomplete(Box<dyn std::error::Error + Send + Sync>),
    /// It is not what its `Content-Encoding` says.
    Packed,
    /// It did not arrive within the deadline of the operation.
    Late,
}

impl fmt::Display for Ended {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::TooLarge(_) => "the body is too large",
            Self::Incomplete(_) => "the body is incomplete",
            Self::Packed => "the body cannot be decoded by its Content-Encoding",
            Self::Late => "the body was not received in time",
        })
    }
}

impl std::error::Error for Ended {}

impl Ended {
    /// What a limited body fails with.
    pub fn by(error: Box<dyn std::error::Error + Send + Sync>, limit: usize) -> Self {
        if error.is::<LengthLimitError>() { Self::TooLarge(limit) } else { Self::Incomplete(error) }
    }

    /// Why it is not unpacked.
    pub fn packed(why: Unpackable, limit: usize) -> Self {
        match why {
            Unpackable::TooLarge => Self::TooLarge(limit),
            Unpackable::Malformed => Self::Packed,
        }
    }
}

impl From<Ended> for io::Error {
    fn from(ended: Ended) -> Self {
        let kind = match ended {
            Ended::TooLarge(_) => ErrorKind::FileTooLarge,
            Ended::Incomplete(_) => ErrorKind::UnexpectedEof,
            Ended::Packed => ErrorKind::InvalidData,
            Ended::Late => ErrorKind::TimedOut,
        };
        Self::new(kind, ended)
    }
}

/// Whether the body of a request is not kept in memory: placed in its extensions by the HTTP server, which bounds what is. Then
/// the deadline of the operation is the only one.
#[derive(Debug, Clone, Default)]
pub struct Streamed(Arc<AtomicBool>);

impl Streamed {
    /// Whether it is.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Says so.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A body that the handler reads while it arrives, unpacked and no larger than `x-body-limit`. An error that it ends with becomes
/// a response tells what it was: see [`Ended`].
pub struct BodyStream {
    pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// Whether the client is being waited for.
    waits: Arc<AtomicBool>,
    /// The deadline of the operation, for what reads after its handler has returned.
    clock: Pin<Box<Sleep>>,
}

impl BodyStream {
    /// Of a body, unpacked where it is packed, within a limit in bytes and a deadline; `waits` is set while the client is waited for.
    pub fn new<B>(
        body: B,
        unpacking: Option<Unpacking>,
        limit: usize,
        (deadline, waits): (Duration, Arc<AtomicBool>),
    ) -> Self
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static,
    {
        let body = Limited::new(body, limit);
        let pieces =
            stream::try_unfold((body, unpacking, false), move |(mut body, mut unpacking, mut begun)| async move {
                loop {
                    let Some(frame) = body.frame().await else {
                        // Nothing at all is an empty body, however it would have been packed.
                        let Some(rest) = unpacking.filter(|_| begun) else { return Ok(None) };
                        let rest = rest.finish().map_err(|why| Ended::packed(why, limit))?;
                        return Ok((!rest.is_empty()).then(|| (Bytes::from(rest), (body, None, false))));
                    };
                    let frame = frame.map_err(|error| Ended::by(error, limit))?;
                    let Ok(piece) = frame.into_data() else { continue };
                    begun |= !piece.is_empty();
                    let piece = match &mut unpacking {
                        None => piece,
                        Some(unpacking) => {
                            unpacking.feed(&piece).map_err(|why| Ended::packed(why, limit))?;
                            unpacking.take().into()
                        }
                    };
                    if !piece.is_empty() {
                        return Ok(Some((piece, (body, unpacking, begun))));
                    }
                }
            });
        Self { pieces: Box::pin(pieces), waits, clock: Box::pin(sleep(deadline)) }
    }

    /// For whatever reads.
    pub fn into_reader(self) -> impl AsyncRead + Send + Unpin {
        StreamReader::new(self)
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("BodyStream").finish_non_exhaustive()
    }
}

impl Stream for BodyStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.pieces.as_mut().poll_next(context);
        self.waits.store(piece.is_pending(), Ordering::Relaxed);
        if piece.is_pending() && self.clock.as_mut().poll(context).is_ready() {
            self.pieces = Box::pin(stream::empty());
            return Poll::Ready(Some(Err(Ended::Late.into())));
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_read_after_its_handler_has_a_deadline_too() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, io::Error>>());
        let mut body = BodyStream::new(never, None, 10, (Duration::from_secs(5), Arc::default()));
        let error = body.next().await.expect("an error").expect_err("late");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(body.next().await.is_none());
    }
}
