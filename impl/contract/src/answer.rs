//! Encoding what a handler returns.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::{Operation, Problem, etag};

/// A body sent piece by piece; an error cuts the connection, so that a client sees that it is incomplete.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// Server-sent events; an idle stream is kept alive by comments.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>;

/// A declared response of an operation; implemented by generated code.
pub trait Answer: Send {
    /// The response, encoded.
    ///
    /// # Errors
    /// 500 when the body or a header cannot be encoded.
    fn into_reply(self) -> Result<Reply, Problem>;
}

/// An encoded response.
#[must_use]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Payload,
}

/// A response in a form that can be stored and sent again, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// The status.
    pub status: u16,
    /// Its own headers, names in lower case. Headers of every response (`X-Request-Id`, ...) are not among them.
    pub headers: Vec<(String, String)>,
    /// The body; may be empty.
    pub body: Bytes,
}

impl StoredReply {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Result<Self, Problem> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let value = std::str::from_utf8(value.as_bytes()).map_err(Problem::internal)?;
                Ok((name.as_str().to_owned(), value.to_owned()))
            })
            .collect::<Result<_, Problem>>()?;
        Ok(Self { status: status.as_u16(), headers, body })
    }
}

enum Payload {
    Empty,
    Bytes(Bytes),
    Stream(Body),
    Events(EventStream),
}

impl Reply {
    /// An empty response with a status of the document.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: HeaderMap::new(), body: Payload::Empty }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// 500 when the value is not a valid header value.
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Result<Self, Problem> {
        let value = HeaderValue::try_from(value.to_string()).map_err(Problem::internal)?;
        self.headers.insert(HeaderName::try_from(name).map_err(Problem::internal)?, value);
        Ok(self)
    }

    /// Adds a header if there is a value for it.
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn optional_header(self, name: &'static str, value: Option<impl ToString>) -> Result<Self, Problem> {
        match value {
            Some(value) => self.header(name, value),
            None => Ok(self),
        }
    }

    /// A JSON body.
    ///
    /// # Errors
    /// 500 when it cannot be encoded.
    pub fn json<T: Serialize>(mut self, body: &T) -> Result<Self, Problem> {
        let bytes = serde_json::to_vec(body).map_err(Problem::internal)?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Payload::Bytes(bytes.into());
        Ok(self)
    }

    /// A body that is already encoded.
    pub fn bytes(mut self, media: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        self.body = Payload::Bytes(body.into());
        self
    }

    /// A body sent piece by piece.
    pub fn stream(mut self, media: &'static str, body: ByteStream) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        self.body = Payload::Stream(Body::from_stream(body));
        self
    }

    /// Server-sent events.
    pub fn events(mut self, events: EventStream) -> Self {
        self.body = Payload::Events(events);
        self
    }

    /// The response in a form that can be stored.
    ///
    /// # Errors
    /// 500 for a stream or events, which are not stored, and for a header that is not UTF-8.
    pub fn stored(&self) -> Result<StoredReply, Problem> {
        let body = match &self.body {
            Payload::Empty => Bytes::new(),
            Payload::Bytes(bytes) => bytes.clone(),
            Payload::Stream(_) | Payload::Events(_) => {
                return Err(Problem::internal("a stream cannot be kept under an idempotency key"));
            }
        };
        StoredReply::new(self.status, &self.headers, body)
    }

    /// A stored response.
    ///
    /// # Errors
    /// 500 when it was not created by [`Reply::stored`].
    pub(crate) fn from_stored(stored: StoredReply) -> Result<Self, Problem> {
        let status = StatusCode::from_u16(stored.status).map_err(Problem::internal)?;
        let mut headers = HeaderMap::with_capacity(stored.headers.len() + 1);
        for (name, value) in stored.headers {
            let name = HeaderName::try_from(name).map_err(Problem::internal)?;
            headers.append(name, HeaderValue::try_from(value).map_err(Problem::internal)?);
        }
        let body = if stored.body.is_empty() { Payload::Empty } else { Payload::Bytes(stored.body) };
        Ok(Self { status, headers, body })
    }

    /// The response, with its `ETag` where the document says so, and as 304 when the client has it already.
    pub(crate) fn into_response(mut self, operation: &Operation, request: &Parts) -> Response {
        self.link_next_page(request.uri.query());
        let mut known = false;
        let mut response = match self.body {
            Payload::Empty => Response::new(Body::empty()),
            Payload::Bytes(bytes) if operation.etag && self.status == StatusCode::OK => {
                let tag = etag::tag(&bytes);
                known = operation.statuses.contains(&304)
                    && request.headers.get_all(IF_NONE_MATCH).iter().any(|condition| etag::none_match(condition, &tag));
                if let Ok(tag) = HeaderValue::try_from(tag) {
                    self.headers.insert(ETAG, tag);
                }
                Response::new(if known { Body::empty() } else { Body::from(bytes) })
            }
            Payload::Bytes(bytes) => Response::new(Body::from(bytes)),
            Payload::Stream(body) => Response::new(body),
            Payload::Events(events) => {
                let alive = KeepAlive::new().interval(Duration::from_secs(10));
                let (parts, body) = Sse::new(events).keep_alive(alive).into_response().into_parts();
                self.headers.extend(parts.headers);
                // nginx would collect them otherwise.
                self.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
                Response::new(body)
            }
        };
        if known {
            self.headers.remove(CONTENT_TYPE);
            self.status = StatusCode::NOT_MODIFIED;
        }
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// A list that names its next cursor also links the next page (RFC 8288): the same query, from there on.
    fn link_next_page(&mut self, query: Option<&str>) {
        let Some(cursor) = self.headers.get("x-next-cursor").and_then(|cursor| cursor.to_str().ok()) else { return };
        let mut link = String::from("<?");
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            if !["cursor", "skip"].contains(&pair.split('=').next().unwrap_or("")) {
                link.push_str(pair);
                link.push('&');
            }
        }
        link.push_str("cursor=");
        link.push_str(cursor);
        link.push_str(r#">; rel="next""#);
        if let Ok(link) = HeaderValue::try_from(link) {
            self.headers.insert(LINK, link);
        }
    }
}
