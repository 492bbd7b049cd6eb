//! Rows (NDJSON) and server-sent events: bodies that are checked element by element, also while they are sent.

use std::io;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use memchr::{memchr, memmem};
use validation::FieldError;

use crate::body::json;
use crate::table::{Kind, Media};

/// A longer element is not waited for.
const MAX_ELEMENT: usize = 16 << 20;

/// What is wrong with an element that is whole; its end may be among its bytes. Nothing for what is none: an empty line, a comment.
fn of_element(media: &Media, element: &[u8]) -> Option<Result<(), FieldError>> {
    let json = |text: &[u8]| Some(json(media.schema.as_ref(), text).map_or(Ok(()), Err));
    match media.kind {
        Kind::Rows if element.trim_ascii().is_empty() => None,
        Kind::Rows => json(element),
        // The data of an event are its lines of data, without one space after the colon (HTML, 9.2.6).
        _ => {
            let lines = element.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
            let lines: Vec<&[u8]> = lines.map(|line| line.strip_prefix(b" ").unwrap_or(line)).collect();
            if lines.is_empty() || media.schema.is_none() { None } else { json(&lines.join(&b'\n')) }
        }
    }
}

/// Where the first element of some bytes ends.
fn end(kind: Kind, bytes: &[u8]) -> Option<usize> {
    match kind {
        Kind::Rows => memchr(b'\n', bytes).map(|at| at + 1),
        _ => memmem::find(bytes, b"\n\n").map(|at| at + 2),
    }
}

/// What is wrong with elements that are whole, of which some were before. With it, how many bytes the valid ones have.
fn of_elements(media: &Media, bytes: &[u8], before: &mut usize) -> (usize, Option<FieldError>) {
    let mut valid = 0;
    while valid < bytes.len() {
        let rest = &bytes[valid..];
        let length = end(media.kind, rest).unwrap_or(rest.len());
        let found = of_element(media, &rest[..length]);
        let is_element = found.is_some();
        if let Some(Err(mut error)) = found {
            let below = error.pointer.as_deref().and_then(|pointer| pointer.strip_prefix('#')).unwrap_or("");
            error.pointer = Some(format!("#/{before}{below}"));
            return (valid, Some(error));
        }
        valid += length;
        *before += usize::from(is_element);
    }
    (valid, None)
}

/// What is wrong with a body that is whole.
pub(crate) fn fault(media: &Media, bytes: &[u8]) -> Option<FieldError> {
    of_elements(media, bytes, &mut 0).1
}

/// A body that is checked while it is sent; an element is held back until it is whole. The first violation is told to `broken`, which says
/// whether the stream goes on, unchecked.
pub(crate) fn watched(
    body: Body,
    media: &'static Media,
    broken: impl FnMut(&FieldError) -> Result<(), io::Error> + Send + 'static,
) -> Body {
    let state = Watched {
        body: body.into_data_stream(),
        media,
        held: BytesMut::new(),
        scanned: 0,
        before: 0,
        broken,
        end: End::Open,
    };
    Body::from_stream(stream::unfold(state, |mut state| async move { state.next().await.map(|item| (item, state)) }))
}

struct Watched<F> {
    body: BodyDataStream,
    media: &'static Media,
    held: BytesMut,
    /// What is held and has no end of an element in it.
    scanned: usize,
    /// Elements that were sent.
    before: usize,
    broken: F,
    end: End,
}

enum End {
    Open,
    /// The rest is sent as it comes.
    Unchecked,
    /// Sent next.
    Cut(Option<io::Error>),
}

impl<F: FnMut(&FieldError) -> Result<(), io::Error>> Watched<F> {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        loop {
            if let End::Cut(error) = &mut self.end {
                return error.take().map(Err);
            }
            let given = self.body.next().await;
            let whole = match given {
                Some(Err(error)) => return Some(Err(io::Error::other(error))),
                Some(Ok(chunk)) if matches!(self.end, End::Unchecked) => return Some(Ok(chunk)),
                Some(Ok(chunk)) => {
                    self.held.extend_from_slice(&chunk);
                    self.whole()
                }
                None if self.held.is_empty() => return None,
                None => self.held.len(),
            };
            let (valid, error) = match whole {
                0 if self.held.len() <= MAX_ELEMENT => continue,
                0 => {
                    let detail = format!("Is longer than {MAX_ELEMENT} bytes.");
                    (0, Some(FieldError::body("too_large", format!("#/{}", self.before), detail)))
                }
                _ => of_elements(self.media, &self.held[..whole], &mut self.before),
            };
            if let Some(error) = error {
                let sent = self.held.split_to(valid).freeze();
                self.refused(&error);
                // What was held goes on where the stream does.
                let sent = match self.end {
                    End::Unchecked => Bytes::from([sent, self.held.split().freeze()].concat()),
                    _ => sent,
                };
                if sent.is_empty() {
                    continue;
                }
                return Some(Ok(sent));
            }
            self.scanned = 0;
            return Some(Ok(self.held.split_to(whole).freeze()));
        }
    }

    /// How many bytes of what is held are whole elements. Only new bytes are looked at, and the one before them.
    fn whole(&mut self) -> usize {
        let from = self.scanned.saturating_sub(1);
        let new = &self.held[from..];
        let end = match self.media.kind {
            Kind::Rows => memchr::memrchr(b'\n', new).map(|at| at + 1),
            _ => memmem::rfind(new, b"\n\n").map(|at| at + 2),
        };
        self.scanned = self.held.len();
        end.map_or(0, |end| from + end)
    }

    fn refused(&mut self, error: &FieldError) {
        self.end = match (self.broken)(error) {
            Ok(()) => End::Unchecked,
            Err(cut) => End::Cut(Some(cut)),
        };
    }
}
