//! Reading a body: its media type checked first, its size bounded while it is read and unpacked.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::encoding::{Unpackable, Unpacking, coding};
use crate::input::pairs;
use crate::operation::{BodyRule, Media};
use crate::problem::Problem;
use validation::{Malformed, Value};

/// A body in memory, and how to decode it.
pub(crate) struct Raw {
    pub(crate) media: Media,
    pub(crate) bytes: Bytes,
}

/// Reads the body an operation declares; `None` when it is optional and absent.
pub(crate) async fn read(
    method: &str,
    rule: &BodyRule,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<Raw>, Problem> {
    let length = match headers.get(CONTENT_LENGTH) {
        Some(value) => value.to_str().ok().and_then(|value| value.parse::<u64>().ok()),
        None => None,
    };
    let announced = length.is_some_and(|length| length > 0) || headers.contains_key(TRANSFER_ENCODING);
    if !announced && !headers.contains_key(CONTENT_TYPE) {
        return if rule.required { Err(empty()) } else { Ok(None) };
    }
    let media = media(rule, headers).ok_or_else(|| unsupported(method, rule))?;
    let unpacking = Unpacking::new(coding(headers)?, rule.limit);
    if length.is_some_and(|length| length > rule.limit as u64) {
        return Err(too_large(rule.limit));
    }
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| match error.is::<LengthLimitError>() {
        true => too_large(rule.limit),
        false => Problem::bad_request("incomplete_body", "The body is incomplete.").with_cause(error),
    };
    let body = Limited::new(body, rule.limit);
    let bytes = match unpacking {
        None => body.collect().await.map_err(broken)?.to_bytes(),
        Some(unpacking) => unpack(body, unpacking, rule.limit, broken).await?,
    };
    let bytes = without_mark(bytes)?;
    if bytes.is_empty() && media != Media::Form {
        return if rule.required { Err(empty()) } else { Ok(None) };
    }
    Ok(Some(Raw { media, bytes }))
}

/// Unpacks a body piece by piece, and no further than it may be large.
async fn unpack(
    mut body: Limited<Body>,
    mut unpacking: Unpacking,
    limit: usize,
    broken: impl Fn(Box<dyn std::error::Error + Send + Sync>) -> Problem,
) -> Result<Bytes, Problem> {
    let refuse = |why| match why {
        Unpackable::TooLarge => too_large(limit),
        Unpackable::Malformed => {
            Problem::bad_request("malformed_body", "The body cannot be decoded by its Content-Encoding.")
        }
    };
    let mut empty = true;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(&broken)?.into_data() else { continue };
        empty &= piece.is_empty();
        unpacking.feed(&piece).map_err(refuse)?;
    }
    // Nothing at all is an empty body, however it would have been packed.
    if empty { Ok(Bytes::new()) } else { unpacking.finish().map(Bytes::from).map_err(refuse) }
}

/// A byte order mark says nothing in UTF-8 (RFC 8259, 8.1); one of UTF-16 says that it is the wrong encoding.
fn without_mark(bytes: Bytes) -> Result<Bytes, Problem> {
    match *bytes {
        [0xEF, 0xBB, 0xBF, ..] => Ok(bytes.slice(3..)),
        // Without a mark, too: no text of ours begins with U+0000.
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, _, ..] | [_, 0, ..] => {
            Err(Problem::bad_request("malformed_body", "The body must be UTF-8; it appears to be UTF-16 or UTF-32."))
        }
        _ => Ok(bytes),
    }
}

/// The body as a tree.
pub(crate) fn parse(raw: &Raw) -> Result<Value<'_>, Problem> {
    let malformed = |why: Malformed| Problem::bad_request("malformed_body", why.detail);
    match raw.media {
        Media::Json | Media::MergePatch => Value::from_json(&raw.bytes).map_err(malformed),
        Media::Ndjson => Value::from_ndjson(&raw.bytes).map_err(malformed),
        Media::Form => {
            let text = std::str::from_utf8(&raw.bytes)
                .map_err(|_| Problem::bad_request("invalid_encoding", "The form must be valid UTF-8."))?;
            let mut members: Vec<(Cow<'_, str>, Value<'_>)> = Vec::new();
            for (name, value) in pairs(text)? {
                let value = Value::Text(value);
                match members.iter_mut().find(|(known, _)| *known == name) {
                    None => members.push((name, value)),
                    Some((_, Value::Repeated(values))) => values.push(value),
                    Some((_, first)) => {
                        let before = std::mem::replace(first, Value::Null);
                        *first = Value::Repeated(vec![before, value]);
                    }
                }
            }
            Ok(Value::Object(members))
        }
    }
}

fn media(rule: &BodyRule, headers: &HeaderMap) -> Option<Media> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or("");
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let utf8 = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"');
        let is_utf8 = ["utf-8", "utf8"].iter().any(|known| value.eq_ignore_ascii_case(known));
        is_utf8 || !name.trim().eq_ignore_ascii_case("charset")
    });
    let essence = essence.trim();
    let listed = rule.media.iter().any(|media| media.eq_ignore_ascii_case(essence));
    Media::from_essence(essence).filter(|_| listed && utf8 && values.next().is_none())
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
    match HeaderValue::try_from(rule.media.join(", ")) {
        Ok(types) => problem.with_header(name, types),
        Err(_) => problem,
    }
}

fn empty() -> Problem {
    Problem::bad_request("missing_body", "A body is required.")
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("The body is larger than the {limit} bytes this operation reads."),
    )
}
