//! `multipart/form-data` (RFC 7578), read while it arrives: files go to the disk, the other parts are small.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::Stream;
use multer::{Field, Multipart};

use crate::file::{File, Incoming, Spool};
use crate::media_type::{Charset, MediaType, charset};
use crate::part::{Part, PartKind};

/// More parts than this are rejected.
const MAX_PARTS: usize = 500;
/// Longer names of parts are rejected.
const MAX_NAME: usize = 256;
/// The parts that are no files are kept in memory, together up to this size.
const MAX_FIELDS: usize = 1024 * 1024;
/// Headers of a part, and what is before the first part, up to this size.
const MAX_HEADERS: usize = 32 * 1024;
/// So much is parsed at once.
const PIECE: usize = 16 * 1024;

/// A form that was received completely.
#[derive(Debug, Default)]
pub struct Received {
    /// Parts that are no files: the name, whether it is JSON, and the text.
    pub fields: Vec<(String, bool, String)>,
    /// Files by the names of their parts.
    pub files: Vec<(String, File)>,
}

/// Why a form is not read.
#[derive(Debug)]
pub enum Unreadable {
    /// It is no form of several parts, or not within its limits.
    Malformed(&'static str),
    /// The parts that are no files are larger than this, in bytes.
    TooLarge(usize),
    /// What it is read from failed.
    Broken(io::Error),
    /// The temporary file could not be written.
    NotStored(io::Error),
}

/// The boundary that a Content-Type names.
pub fn boundary(media: &MediaType<'_>) -> Option<String> {
    let boundary = media.parameter("boundary")?;
    // RFC 2046, 5.1.1
    (1..=70).contains(&boundary.len()).then(|| boundary.into_owned())
}

/// Reads a form to its end. Parts that the document does not have are files when they have a file name.
///
/// # Errors
/// See [`Unreadable`].
pub async fn receive<S>(stream: S, boundary: String, parts: &[Part]) -> Result<Received, Unreadable>
where
    S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
{
    let unparsed = Arc::new(AtomicUsize::new(0));
    let paced = Paced { stream, rest: Bytes::new(), unparsed: Arc::clone(&unparsed), turn: false };
    let mut form = Multipart::new(paced, boundary);
    let (mut received, mut spool, mut size) = (Received::default(), Spool::default(), 0);
    let mut count = 0;
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        unparsed.store(0, Ordering::Relaxed);
        count += 1;
        if count > MAX_PARTS {
            return Err(Unreadable::Malformed("The form has too many parts."));
        }
        let name = field.name().filter(|name| name.len() <= MAX_NAME).map(str::to_owned);
        let name = name.ok_or(Unreadable::Malformed("A part of the form has no name, or too long a one."))?;
        let content_type = field.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let media = content_type.as_deref().and_then(MediaType::parse);
        let kind = match parts.iter().find(|part| part.name == name) {
            Some(part) => part.kind,
            None if field.file_name().is_some() => PartKind::File,
            None if media.is_some_and(|media| media.is_json()) => PartKind::Json,
            None => PartKind::Text,
        };
        if kind == PartKind::File {
            let mut incoming = Incoming::new();
            while let Some(piece) = next(&mut field, &unparsed).await? {
                spool.write(&mut incoming, &piece).await.map_err(Unreadable::NotStored)?;
            }
            let file_name = field.file_name().map(str::to_owned);
            let file = spool.finish(incoming, file_name, content_type).await.map_err(Unreadable::NotStored)?;
            received.files.push((name, file));
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(piece) = next(&mut field, &unparsed).await? {
            size += piece.len();
            if size > MAX_FIELDS {
                return Err(Unreadable::TooLarge(MAX_FIELDS));
            }
            bytes.extend_from_slice(&piece);
        }
        let charset = media.map_or(Some(Charset::Utf8), |media| charset(&media));
        let text = charset.and_then(|charset| text(bytes, charset));
        let text = text.ok_or(Unreadable::Malformed("A part of the form must be valid UTF-8."))?;
        received.fields.push((name, kind == PartKind::Json, text));
    }
    Ok(received)
}

async fn next(field: &mut Field<'_>, unparsed: &AtomicUsize) -> Result<Option<Bytes>, Unreadable> {
    let piece = field.chunk().await.map_err(unreadable)?;
    unparsed.store(0, Ordering::Relaxed);
    Ok(piece)
}

/// The text that bytes stand for.
pub fn text(bytes: Vec<u8>, charset: Charset) -> Option<String> {
    match charset {
        Charset::Utf8 => String::from_utf8(bytes).ok(),
        Charset::Ascii => String::from_utf8(bytes).ok().filter(|text| text.is_ascii()),
        Charset::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
    }
}

fn unreadable(error: multer::Error) -> Unreadable {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<io::Error>() {
            Ok(error) if error.kind() == io::ErrorKind::InvalidInput => {
                Unreadable::Malformed("The headers of a part of the form are too large.")
            }
            Ok(error) => Unreadable::Broken(*error),
            Err(other) => Unreadable::Broken(io::Error::other(other)),
        },
        _ => Unreadable::Malformed("The body is not a valid multipart form."),
    }
}

/// Hands on what arrives in small pieces, one each time: the parser takes whatever is ready, and would keep all of it in memory.
struct Paced<S> {
    stream: S,
    rest: Bytes,
    /// What the parser may hold without having told a header or a part of a field.
    unparsed: Arc<AtomicUsize>,
    turn: bool,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Paced<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.turn = !self.turn;
        if !self.turn {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(Ok(piece))) => self.rest = piece,
                Poll::Ready(other) => return Poll::Ready(other),
                Poll::Pending => {
                    self.turn = false;
                    return Poll::Pending;
                }
            }
        }
        let length = self.rest.len().min(PIECE);
        if self.unparsed.fetch_add(length, Ordering::Relaxed) > MAX_HEADERS {
            return Poll::Ready(Some(Err(io::ErrorKind::InvalidInput.into())));
        }
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    const PARTS: &[Part] = &[Part::text("n"), Part::json("meta"), Part::file("f")];

    async fn read(body: &[u8], chunk: usize) -> Result<Received, Unreadable> {
        let pieces: Vec<_> = body.chunks(chunk.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        receive(stream::iter(pieces), "B".to_owned(), PARTS).await
    }

    fn part(head: &str, content: &[u8]) -> Vec<u8> {
        [b"--B\r\n", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat()
    }

    #[tokio::test]
    async fn parts_are_told_apart() {
        let large = vec![b'x'; 700_000];
        let body = [
            part("Content-Disposition: form-data; name=\"n\"", b"5"),
            part("Content-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json", b"{}"),
            part("Content-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\nContent-Type: image/png", &large),
            part("Content-Disposition: form-data; name=\"other\"; filename=\"b\"", b"\r\n--Bx"),
            part(
                "Content-Disposition: form-data; name=\"latin\"\r\nContent-Type: text/plain; charset=iso-8859-1",
                b"\xfc",
            ),
            b"--B--\r\n".to_vec(),
        ]
        .concat();
        // A line that begins like the boundary is none of the content.
        let body = body.split(|_| false).next().expect("all").to_vec();
        let body = String::from_utf8_lossy(&body).replace("--Bx", "-Bx").into_bytes();
        let body = [&body[..body.len() - b"\xef\xbf\xbd\r\n--B--\r\n".len()], b"\xfc\r\n--B--\r\n"].concat();
        for chunk in [1 << 20, 1000] {
            let received = read(&body, chunk).await.expect("a form");
            let fields: Vec<_> = received.fields.iter().map(|(n, json, text)| (&**n, *json, &**text)).collect();
            assert_eq!(fields, [("n", false, "5"), ("meta", true, "{}"), ("latin", false, "ü")]);
            let [(_, file), (other, small)] = <[_; 2]>::try_from(received.files).expect("two files");
            assert_eq!(
                (file.file_name(), file.content_type(), file.size()),
                (Some("a.bin"), Some("image/png"), 700_000)
            );
            assert_eq!(file.bytes().await.expect("read"), large);
            assert_eq!((&*other, small.bytes().await.expect("read")), ("other", Bytes::from_static(b"\r\n-Bx")));
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_or_too_much_is_refused() {
        let whole = [part("Content-Disposition: form-data; name=\"n\"", b"5"), b"--B--\r\n".to_vec()].concat();
        for end in 0..whole.len() - 4 {
            assert!(matches!(read(&whole[..end], 7).await, Err(Unreadable::Malformed(_))), "{end}");
        }
        let nameless = [part("Content-Type: text/plain", b"5"), b"--B--".to_vec()].concat();
        assert!(matches!(read(&nameless, 100).await, Err(Unreadable::Malformed(_))));
        let many = [part("Content-Disposition: form-data; name=\"n\"", b"").repeat(MAX_PARTS + 1), b"--B--".to_vec()];
        assert!(matches!(read(&many.concat(), 10_000).await, Err(Unreadable::Malformed(_))));
        let headers = part(&format!("Content-Disposition: form-data; name=\"{}\"", "n".repeat(200_000)), b"");
        assert!(matches!(read(&headers, 10_000).await, Err(Unreadable::Malformed(_))));
        let field = part("Content-Disposition: form-data; name=\"n\"", &vec![b'1'; MAX_FIELDS + 1]);
        assert!(matches!(read(&field, 100_000).await, Err(Unreadable::TooLarge(_))));
        assert!(matches!(read(&vec![b'p'; 1 << 20], 100_000).await, Err(Unreadable::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_end_the_process(body: Vec<u8>, chunk in 1usize..50, real in any::<bool>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let body = if real { [b"--B\r\nContent-Disposition: form-data; name=\"".as_slice(), &body].concat() } else { body };
            let _ = runtime.block_on(read(&body, chunk));
        }
    }
}
