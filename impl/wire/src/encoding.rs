//! `Content-Encoding` of requests (RFC 9110, 8.4): unpacked while it arrives, and no further than the operation reads.

use std::io::{self, ErrorKind, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// `gzip` (RFC 1952)
    Gzip,
    /// `deflate`: zlib's format (RFC 1950)
    Deflate,
}

/// What the headers say. One coding is undone, not one within another.
pub fn coding(headers: &HeaderMap) -> Result<Coding, UnsupportedCoding> {
    let mut found = Coding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        let names = value.to_str().map_err(|_| UnsupportedCoding)?.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")) {
            let known = [("gzip", Coding::Gzip), ("x-gzip", Coding::Gzip), ("deflate", Coding::Deflate)];
            let coding =
                known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| coding);
            match coding {
                Some(coding) if found == Coding::Identity => found = coding,
                _ => return Err(UnsupportedCoding),
            }
        }
    }
    Ok(found)
}

/// A coding that is not supported, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedCoding;

/// A body being unpacked.
pub struct Unpacking(Format);

enum Format {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    Deflate { state: Decompress, ended: bool, out: Bounded },
}

/// Why a body is not unpacked.
pub enum Unpackable {
    /// It is larger than it may be.
    TooLarge,
    /// It is not what it says it is, or ends too early.
    Malformed,
}

impl From<io::Error> for Unpackable {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::FileTooLarge { Self::TooLarge } else { Self::Malformed }
    }
}

impl Unpacking {
    /// Nothing for a body that is not packed.
    pub fn new(coding: Coding, limit: usize) -> Option<Self> {
        let out = Bounded { bytes: Vec::new(), left: limit };
        match coding {
            Coding::Identity => None,
            Coding::Gzip => Some(Self(Format::Gzip(Box::new(MultiGzDecoder::new(out))))),
            Coding::Deflate => Some(Self(Format::Deflate { state: Decompress::new(true), ended: false, out })),
        }
    }

    /// Takes what has arrived.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Unpackable> {
        match &mut self.0 {
            Format::Gzip(decoder) => Ok(decoder.write_all(piece)?),
            Format::Deflate { state, ended, out } => inflate(state, ended, out, piece),
        }
    }

    /// What is unpacked by now, and has not been taken.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(match &mut self.0 {
            Format::Gzip(decoder) => &mut decoder.get_mut().bytes,
            Format::Deflate { out, .. } => &mut out.bytes,
        })
    }

    /// Everything that has not been taken, when nothing more arrives.
    pub fn finish(self) -> Result<Vec<u8>, Unpackable> {
        match self.0 {
            Format::Gzip(decoder) => Ok(decoder.finish()?.bytes),
            Format::Deflate { ended: true, out, .. } => Ok(out.bytes),
            Format::Deflate { .. } => Err(Unpackable::Malformed),
        }
    }
}

/// By hand, because the ready-made writer does not tell a stream that ended from one that was cut off.
fn inflate(state: &mut Decompress, ended: &mut bool, out: &mut Bounded, mut piece: &[u8]) -> Result<(), Unpackable> {
    let mut room = [0; 8 * 1024];
    loop {
        if *ended {
            return if piece.is_empty() { Ok(()) } else { Err(Unpackable::Malformed) };
        }
        let (read, written) = (state.total_in(), state.total_out());
        let status = state.decompress(piece, &mut room, FlushDecompress::None).map_err(|_| Unpackable::Malformed)?;
        let read = usize::try_from(state.total_in() - read).unwrap_or(piece.len());
        let written = usize::try_from(state.total_out() - written).unwrap_or(room.len());
        out.write_all(&room[..written])?;
        piece = &piece[read..];
        *ended = status == Status::StreamEnd;
        if !*ended && read == 0 && written == 0 {
            return if piece.is_empty() { Ok(()) } else { Err(Unpackable::Malformed) };
        }
    }
}

/// Takes so much and no more.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(piece.len()).ok_or(ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
