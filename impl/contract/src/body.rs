//! Reading a body: its media type checked first, its size bounded while it is read.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::input::pairs;
use crate::operation::{BodyRule, Media};
use crate::problem::Problem;
use crate::value::Value;

/// A body in memory, and how to decode it.
pub(crate) struct Raw {
    pub(crate) media: Media,
    pub(crate) bytes: Bytes,
}

/// Reads the body an operation declares; `None` when it is optional and absent.
pub(crate) async fn read(rule: &BodyRule, headers: &HeaderMap, body: Body) -> Result<Option<Raw>, Problem> {
    let length = match headers.get(CONTENT_LENGTH) {
        Some(value) => value.to_str().ok().and_then(|value| value.parse::<u64>().ok()),
        None => None,
    };
    let announced = length.is_some_and(|length| length > 0) || headers.contains_key(TRANSFER_ENCODING);
    if !announced && !headers.contains_key(CONTENT_TYPE) {
        return if rule.required { Err(empty()) } else { Ok(None) };
    }
    let media = media(rule, headers)?;
    if length.is_some_and(|length| length > rule.limit as u64) {
        return Err(too_large(rule.limit));
    }
    let bytes = match Limited::new(body, rule.limit).collect().await {
        Ok(read) => read.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large(rule.limit)),
        Err(error) => {
            return Err(
                Problem::bad_request("incomplete_body", "The body ended before it was complete.").with_cause(error)
            );
        }
    };
    if bytes.is_empty() && media != Media::Form {
        return if rule.required { Err(empty()) } else { Ok(None) };
    }
    Ok(Some(Raw { media, bytes }))
}

/// The body as a tree.
pub(crate) fn parse(raw: &Raw) -> Result<Value<'_>, Problem> {
    let malformed = |detail: String| Problem::bad_request("malformed_body", detail);
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

fn media(rule: &BodyRule, headers: &HeaderMap) -> Result<Media, Problem> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or("");
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let utf8 = parameters.split(';').filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let essence = essence.trim();
    let listed = rule.media.iter().any(|media| media.eq_ignore_ascii_case(essence));
    Media::from_essence(essence).filter(|_| listed && utf8 && values.next().is_none()).ok_or_else(|| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The Content-Type is not one of those the API document lists for this operation.",
        )
    })
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
