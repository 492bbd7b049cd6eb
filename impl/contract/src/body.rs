//! Reading a body: the right media type, bounded, unpacked, parsed.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use validation::{DEPTH, Decoder, Place, Value};
use wire::{
    BodyRule, BodyStream, Charset, Ended, Media, MediaType, Part, Reading, Received, Streamed, Texts, Unpacking,
    Unreadable, pairs,
};

use crate::form;
use crate::input::Content;
use crate::operation::Operation;
use crate::problem::Problem;

/// A body that was received, or is being received.
pub(crate) struct Raw {
    /// The index of its media type.
    pub(crate) media: usize,
    content: Taken,
}

enum Taken {
    Json(Bytes),
    Ndjson(Bytes),
    Fields(Bytes),
    Text(Bytes, Charset),
    Bytes(Bytes),
    Stream(Option<BodyStream>),
    Parts(Received),
}

/// The media type of a body among those of the operation.
struct Chosen {
    media: usize,
    reading: Reading,
    charset: Charset,
    boundary: Option<String>,
}

/// Reads the body an operation declares; `None` when it is optional and absent. `waits` tells of a body that the handler reads whether
/// the client is being waited for.
pub(crate) async fn read(
    operation: &Operation,
    rule: &BodyRule,
    parts: &Parts,
    body: Body,
    waits: &Arc<AtomicBool>,
) -> Result<Option<Raw>, Problem> {
    let headers = &parts.headers;
    let length = match headers.get(CONTENT_LENGTH) {
        Some(value) => value.to_str().ok().and_then(|value| value.parse::<u64>().ok()),
        None => None,
    };
    let announced = length.is_some_and(|length| length > 0) || headers.contains_key(TRANSFER_ENCODING);
    if !announced && !headers.contains_key(CONTENT_TYPE) {
        return if rule.required { Err(empty()) } else { Ok(None) };
    }
    let Chosen { media, reading, charset, boundary } =
        choose(rule, headers).ok_or_else(|| unsupported(operation.method, rule))?;
    let unpacking = Unpacking::new(wire::coding(headers).map_err(|_| unsupported_coding())?, rule.limit);
    if length.is_some_and(|length| length > rule.limit as u64) {
        return Err(Ended::TooLarge(rule.limit).into());
    }
    if let (Reading::Stream | Reading::Parts, Some(streamed)) = (reading, parts.extensions.get::<Streamed>()) {
        streamed.set();
    }
    let patience = (operation.deadline, Arc::clone(waits));
    let content = match reading {
        Reading::Stream => Taken::Stream(Some(BodyStream::new(body, unpacking, rule.limit, patience))),
        Reading::Parts => {
            let boundary = boundary.ok_or_else(|| malformed("The Content-Type has no valid boundary."))?;
            let parts = rule.media.get(media).map_or(&[][..], |media| media.form_parts());
            // Boxed: the future is large, and forms are rare.
            let stream = BodyStream::new(body, unpacking, rule.limit, patience);
            Taken::Parts(Box::pin(receive(stream, boundary, parts)).await?)
        }
        _ => {
            let limited = Limited::new(body, rule.limit);
            let bytes = match unpacking {
                None => limited.collect().await.map_err(|error| Ended::by(error, rule.limit))?.to_bytes(),
                Some(unpacking) => unpack(limited, unpacking, rule.limit).await?,
            };
            let bytes = match reading {
                Reading::Bytes => bytes,
                Reading::Text if charset == Charset::Latin1 => bytes,
                Reading::Text => bytes.strip_prefix(MARK).map_or_else(|| bytes.clone(), |rest| bytes.slice_ref(rest)),
                _ => without_mark(bytes)?,
            };
            if bytes.is_empty() && matches!(reading, Reading::Json | Reading::Ndjson) {
                return if rule.required { Err(empty()) } else { Ok(None) };
            }
            match reading {
                Reading::Json => Taken::Json(bytes),
                Reading::Ndjson => Taken::Ndjson(bytes),
                Reading::Form => Taken::Fields(bytes),
                Reading::Text => Taken::Text(bytes, charset),
                _ => Taken::Bytes(bytes),
            }
        }
    };
    Ok(Some(Raw { media, content }))
}

async fn receive(stream: BodyStream, boundary: String, parts: &[Part]) -> Result<Received, Problem> {
    wire::receive(stream, boundary, parts).await.map_err(|why| match why {
        Unreadable::Malformed(detail) => malformed(detail),
        Unreadable::TooLarge(limit) => Ended::TooLarge(limit).into(),
        Unreadable::Broken(error) => Problem::of_body(error),
        Unreadable::NotStored(error) => Problem::internal(error),
    })
}

/// Unpacks a body piece by piece, and no further than it may be large.
async fn unpack(mut body: Limited<Body>, mut unpacking: Unpacking, limit: usize) -> Result<Bytes, Problem> {
    let mut empty = true;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| Ended::by(error, limit))?.into_data() else { continue };
        empty &= piece.is_empty();
        unpacking.feed(&piece).map_err(|why| Ended::packed(why, limit))?;
    }
    // Nothing at all is an empty body, however it would have been packed.
    if empty {
        return Ok(Bytes::new());
    }
    Ok(unpacking.finish().map_err(|why| Ended::packed(why, limit))?.into())
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// A byte order mark says nothing in UTF-8 (RFC 8259, 8.1); one of UTF-16 says that it is the wrong encoding.
fn without_mark(bytes: Bytes) -> Result<Bytes, Problem> {
    match *bytes {
        [0xEF, 0xBB, 0xBF, ..] => Ok(bytes.slice(MARK.len()..)),
        // Without a mark, too: no text of ours begins with U+0000.
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, _, ..] | [_, 0, ..] => {
            Err(malformed("The body must be UTF-8; it appears to be UTF-16 or UTF-32."))
        }
        _ => Ok(bytes),
    }
}

/// The body as its operation reads it. What is wrong with single fields is recorded.
pub(crate) fn parse<'r>(
    raw: &'r mut Raw,
    rule: &BodyRule,
    texts: &'r Texts,
    at: &mut Decoder,
) -> Result<Content<'r>, Problem> {
    let no_text = || Problem::bad_request("invalid_encoding", "The body must be valid text in its charset.");
    let media = rule.media.get(raw.media);
    Ok(match &mut raw.content {
        Taken::Json(bytes) => Content::Value(
            Value::from_json_within(bytes, media.map_or(DEPTH, Media::depth)).map_err(|why| malformed(why.detail))?,
        ),
        Taken::Ndjson(bytes) => Content::Value(Value::from_ndjson(bytes).map_err(|why| malformed(why.detail))?),
        Taken::Fields(bytes) => Content::Value(fields(bytes, media, texts, at)?),
        Taken::Text(bytes, Charset::Latin1) => {
            let text = wire::text(bytes.to_vec(), Charset::Latin1).ok_or_else(no_text)?;
            Content::Value(Value::Text(Cow::Owned(text)))
        }
        Taken::Text(bytes, charset) => {
            let text = std::str::from_utf8(bytes).map_err(|_| no_text())?;
            if *charset == Charset::Ascii && !text.is_ascii() {
                return Err(no_text());
            }
            Content::Value(Value::Text(Cow::Borrowed(text)))
        }
        Taken::Bytes(bytes) => Content::Bytes(std::mem::take(bytes)),
        Taken::Stream(stream) => stream.take().map_or(Content::Absent, Content::Stream),
        Taken::Parts(received) => {
            let files = std::mem::take(&mut received.files);
            let parts = media.map_or(&[][..], |media| media.form_parts());
            let mut members = Vec::new();
            for (name, is_json, text) in &received.fields {
                let value = match is_json {
                    true => Value::from_json(text.as_bytes())
                        .map_err(|_| malformed("A part of the form is not valid JSON."))?,
                    false => Value::Text(Cow::Borrowed(text)),
                };
                let repeated = parts.iter().any(|part| part.name() == name && part.is_repeated());
                form::gather(&mut members, Cow::Borrowed(name), value, repeated);
            }
            Content::Parts(form::Parts { fields: Value::Object(members), files, parts })
        }
    })
}

/// A URL-encoded form: fields in the styles of the document, the others as they are.
fn fields<'r>(
    bytes: &'r [u8],
    media: Option<&Media>,
    texts: &'r Texts,
    at: &mut Decoder,
) -> Result<Value<'r>, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Problem::bad_request("invalid_encoding", "The form must be valid UTF-8."))?;
    let mut pairs = pairs(text).map_err(|fault| Problem::bad_request(fault.code, fault.detail))?;
    let mut members = Vec::new();
    for field in media.map_or(&[][..], |media| media.form_fields()) {
        match wire::query(field, &mut pairs, texts) {
            Ok(None) => (),
            Ok(Some(value)) => members.push((Cow::Borrowed(field.name()), value)),
            Err(fault) => {
                at.enter(Place::Body);
                at.named(field.name(), |at| at.refuse::<()>(fault.code, fault.detail));
            }
        }
    }
    for pair in pairs.unread() {
        form::gather(&mut members, pair.name.clone(), Value::Text(pair.value.clone()), false);
    }
    Ok(Value::Object(members))
}

fn choose(rule: &BodyRule, headers: &HeaderMap) -> Option<Chosen> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = match values.next() {
        Some(value) => value.to_str().ok()?,
        // RFC 9110, 8.3
        None => "application/octet-stream",
    };
    let given = MediaType::parse(value).filter(|_| values.next().is_none())?;
    let media = wire::matching(rule.media.iter().map(Media::range), &given)?;
    let reading = rule.media.get(media)?.reading();
    let charset = match reading {
        Reading::Json | Reading::Ndjson | Reading::Form => {
            wire::charset(&given).filter(|charset| *charset == Charset::Utf8)?
        }
        Reading::Text => wire::charset(&given)?,
        _ => Charset::Utf8,
    };
    Some(Chosen { media, reading, charset, boundary: wire::boundary(&given) })
}

/// 415, with what it takes in the header that is meant for the method: `Accept-Patch` (RFC 5789), `Accept-Post`, `Accept`.
fn unsupported(method: &str, rule: &BodyRule) -> Problem {
    let detail = "The Content-Type is not one of those the API document lists for this operation.";
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    let name = match method {
        "PATCH" => HeaderName::from_static("accept-patch"),
        "POST" => HeaderName::from_static("accept-post"),
        _ => ACCEPT,
    };
    let types: Vec<_> = rule.media.iter().map(Media::range).collect();
    match HeaderValue::try_from(types.join(", ")) {
        Ok(types) => problem.with_header(name, types),
        Err(_) => problem,
    }
}

fn unsupported_coding() -> Problem {
    let detail = "The Content-Encoding is not supported, or there is more than one; see Accept-Encoding.";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", detail)
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"))
}

fn empty() -> Problem {
    Problem::bad_request("missing_body", "A body is required.")
}

fn malformed(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::bad_request("malformed_body", detail)
}
