//! What an operation declares of a request, taken from it: the path, the body, the parameters, decoded and checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use http::StatusCode;
use http::request::Parts;
use validation::{Decoder, Place};
use wire::{Matched, PathValues, Texts};

use crate::body;
use crate::input::{Content, Input};
use crate::operation::{Operation, Security};
use crate::problem::Problem;

/// Whether the client is being waited for.
pub(crate) type Waits = Arc<AtomicBool>;

/// What the handler of an operation is called with.
pub(crate) async fn receive<I>(
    operation: &'static Operation,
    parts: &Parts,
    body: Body,
    decode: fn(&mut Input<'_>) -> Option<I>,
    waits: Option<&Waits>,
) -> Result<I, Problem> {
    let path = PathValues::new(operation.path, parts.uri.path(), parts.extensions.get::<Matched>());
    if !path.is_text() {
        return Err(Problem::bad_request("invalid_encoding", "The path must be valid UTF-8."));
    }
    if !operation.produces.is_empty() && wire::best(operation.produces, &parts.headers).is_none() {
        let detail = "None of the media types of the response is acceptable; see Accept.";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail));
    }
    let mut raw = match operation.body.as_ref().zip(waits) {
        Some((rule, waits)) => {
            waits.store(true, Ordering::Relaxed);
            let raw = body::read(operation, rule, parts, body, waits).await?;
            waits.store(false, Ordering::Relaxed);
            raw
        }
        None => None,
    };
    let (texts, mut at) = (Texts::default(), Decoder::new(Place::Body));
    let media = raw.as_ref().map_or(0, |raw| raw.media);
    let mut parsed = match (&mut raw, &operation.body) {
        (Some(raw), Some(rule)) => body::parse(raw, rule, &texts, &mut at)?,
        _ => Content::Absent,
    };
    if let (Some(endpoint), Content::Value(form)) = (&operation.token_endpoint, &mut parsed) {
        endpoint.judge(form, &mut at)?;
    }
    let mut query =
        wire::pairs(parts.uri.query().unwrap_or("")).map_err(|fault| Problem::bad_request(fault.code, fault.detail))?;
    let mut cookies = wire::cookies(&parts.headers);
    if let Security::Schemes(alternatives) | Security::OptionalSchemes(alternatives) = operation.security {
        alternatives.iter().copied().flatten().for_each(|one| one.set_aside(&mut query, &mut cookies));
    }
    let mut input =
        Input { operation, path, query, cookies, headers: &parts.headers, texts: &texts, media, body: parsed, at };
    let decoded = decode(&mut input);
    input.close_query();
    let errors = input.at.into_errors();
    match decoded {
        Some(decoded) if errors.is_empty() => Ok(decoded),
        _ => Err(Problem::validation(errors)),
    }
}
