//! The bytes of a body while they arrive, no more than the operation reads.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::encoding::{Unpackable, Unpacking};
use crate::problem::Problem;

/// Why a body ends early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It is larger than this.
    TooLarge(usize),
    /// The client stopped sending it.
    Incomplete(Box<dyn std::error::Error + Send + Sync>),
    /// It is not what its `Content-Encoding` says.
    Packed,
}

impl fmt::Display for Ended {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::TooLarge(_) => "the body is too large",
            Self::Incomplete(_) => "the body is incomplete",
            Self::Packed => "the body cannot be decoded by its Content-Encoding",
        })
    }
}

impl std::error::Error for Ended {}

impl From<Ended> for Problem {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::TooLarge(limit) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body is larger than the {limit} bytes this operation reads."),
            ),
            Ended::Incomplete(cause) => {
                Self::bad_request("incomplete_body", "The body is incomplete.").with_cause(cause)
            }
            Ended::Packed => Self::bad_request("malformed_body", "The body cannot be decoded by its Content-Encoding."),
        }
    }
}

impl Ended {
    /// What a limited body fails with.
    pub(crate) fn by(error: Box<dyn std::error::Error + Send + Sync>, limit: usize) -> Self {
        if error.is::<LengthLimitError>() { Self::TooLarge(limit) } else { Self::Incomplete(error) }
    }

    /// Why it is not unpacked.
    pub(crate) fn packed(why: Unpackable, limit: usize) -> Self {
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
        };
        Self::new(kind, ended)
    }
}

impl Problem {
    /// Why a body could not be read to its end: 413, 400, or 500 for an error that is none of the body's.
    pub fn of_body(error: io::Error) -> Self {
        match error.downcast::<Ended>() {
            Ok(ended) => ended.into(),
            Err(other) => Self::internal(other),
        }
    }
}

/// A body that the handler reads while it arrives, unpacked and no larger than `x-body-limit`. An error that it ends with becomes
/// a response by [`Problem::of_body`].
pub struct BodyStream {
    pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// Whether the client is being waited for.
    waits: Arc<AtomicBool>,
}

impl BodyStream {
    pub(crate) fn new(body: Body, unpacking: Option<Unpacking>, limit: usize, waits: Arc<AtomicBool>) -> Self {
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
        Self { pieces: Box::pin(pieces), waits }
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
        piece
    }
}
