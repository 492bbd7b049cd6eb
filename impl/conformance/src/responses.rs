//! The responses of one operation, and what is wrong with one that is sent.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use futures_util::FutureExt as _;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use validation::{FieldError, Schemas};
use wire::MediaType;

use crate::body;
use crate::elements;
use crate::mode::report;
use crate::table::{Declared, Kind, Media, Table};
use crate::violation::Violation;

/// What the document says of the responses of an operation. Generated, one of each operation.
pub struct Responses {
    schemas: &'static Schemas,
    pointer: &'static str,
    table: OnceLock<Table>,
    broken: AtomicU64,
}

/// Whose response it is.
#[derive(Debug, Clone)]
pub struct Sent {
    /// `operationId`
    pub operation: &'static str,
    /// Whether a response has no body whatever the document says: to HEAD.
    pub is_head: bool,
    /// The id of the request.
    pub request_id: Option<Arc<str>>,
}

/// How it breaks the document, in words.
type Verdict = Result<(), String>;

impl Responses {
    /// The responses of the operation at a JSON pointer of the document.
    pub const fn of(schemas: &'static Schemas, pointer: &'static str) -> Self {
        Self { schemas, pointer, table: OnceLock::new(), broken: AtomicU64::new(0) }
    }

    /// How many responses broke the document, of those that were checked in this process.
    pub fn violations(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// Holds a response against the document: the response, and how it breaks the document. A stream is checked while it is sent, and ends with an
    /// error at its first violation if the document is enforced. Violations are counted and reported.
    pub fn check(&'static self, sent: Sent, enforced: bool, response: Response<Body>) -> (Response<Body>, Verdict) {
        let (parts, body) = response.into_parts();
        let Some(declared) =
            self.table.get_or_init(|| Table::read(self.schemas, self.pointer)).find(parts.status.as_u16())
        else {
            let error = FieldError::body("undeclared_status", "#", "The document does not declare this status.");
            return self.verdict(&sent, Response::from_parts(parts, body), Some(error));
        };
        if let Some(error) = declared.headers.iter().find_map(|header| header.fault(&parts.headers)) {
            return self.verdict(&sent, Response::from_parts(parts, body), Some(error));
        }
        if sent.is_head {
            return (Response::from_parts(parts, body), Ok(()));
        }
        if body.size_hint().exact().is_some() {
            // In memory: it is there at once.
            let bytes = body.collect().now_or_never().and_then(Result::ok).unwrap_or_default().to_bytes();
            let error = whole(declared, &parts, &bytes);
            return self.verdict(&sent, Response::from_parts(parts, Body::from(bytes)), error);
        }
        match content(declared, &parts) {
            Err(error) => self.verdict(&sent, Response::from_parts(parts, body), Some(error)),
            Ok(media @ Media { kind: Kind::Rows | Kind::Events, schema: Some(_), .. }) => {
                let status = parts.status.as_u16();
                let watched = elements::watched(body, media, move |error| {
                    let cause = self.tell(&sent, status, error);
                    if enforced { Err(io::Error::other(cause)) } else { Ok(()) }
                });
                (Response::from_parts(parts, watched), Ok(()))
            }
            Ok(_) => (Response::from_parts(parts, body), Ok(())),
        }
    }

    fn verdict(&self, sent: &Sent, response: Response<Body>, error: Option<FieldError>) -> (Response<Body>, Verdict) {
        let Some(error) = error else { return (response, Ok(())) };
        let cause = self.tell(sent, response.status().as_u16(), &error);
        (response, Err(cause))
    }

    fn tell(&self, sent: &Sent, status: u16, error: &FieldError) -> String {
        self.broken.fetch_add(1, Ordering::Relaxed);
        let violation = Violation { operation: sent.operation, status, error, request_id: sent.request_id.as_deref() };
        report(&violation);
        violation.to_string()
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Responses").field(&self.pointer).finish()
    }
}

/// What is wrong with a body that is whole.
fn whole(declared: &Declared, parts: &Parts, bytes: &[u8]) -> Option<FieldError> {
    let bare = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    if bytes.is_empty() && (bare || declared.media.is_empty()) {
        return None;
    }
    if bare {
        return Some(FieldError::body("unexpected_body", "#", "A response of this status has no body."));
    }
    if bytes.is_empty() && !parts.headers.contains_key(CONTENT_TYPE) {
        return Some(FieldError::body("required", "#", "The document has a body here."));
    }
    match content(declared, parts) {
        Err(error) => Some(error),
        Ok(media) => match media.kind {
            Kind::Json => body::json(media.schema.as_ref(), bytes),
            Kind::Rows | Kind::Events => elements::fault(media, bytes),
            Kind::Text => body::text(media.schema.as_ref()?, bytes),
            Kind::Bytes => None,
        },
    }
}

/// The media type of a body.
fn content<'d>(declared: &'d Declared, parts: &Parts) -> Result<&'d Media, FieldError> {
    if declared.media.is_empty() {
        return Err(FieldError::body("unexpected_body", "#", "The document has no body here."));
    }
    let given = parts.headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).and_then(MediaType::parse);
    let ranges = || declared.media.iter().map(|media| media.range);
    given.and_then(|given| wire::matching(ranges(), &given)).map(|index| &declared.media[index]).ok_or_else(|| {
        let detail = "The document does not declare this media type.";
        FieldError::parameter("undeclared_media_type", validation::Place::Header, Some("Content-Type"), detail)
    })
}
