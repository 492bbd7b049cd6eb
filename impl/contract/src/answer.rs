//! Encoding what a handler returns.

use std::convert::Infallible;
use std::pin::Pin;

use axum::body::Body;
use axum::response::sse::Event;
use bytes::Bytes;
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use wire::{MediaType, Spelling, Statuses, simple};

use crate::problem::Problem;

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
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Payload,
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

pub(crate) enum Payload {
    Empty,
    Bytes(Bytes),
    /// One value in several media types, of which the client chooses.
    Choice(&'static [&'static str], Spelling),
    Stream(Body),
    Events(EventStream),
}

impl Reply {
    /// An empty response with a status of the document.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: HeaderMap::new(), body: Payload::Empty }
    }

    /// An empty response with a status that the handler chose.
    ///
    /// # Errors
    /// 500 when it is none that the document declares there.
    pub fn within(declared: &Statuses, status: u16) -> Result<Self, Problem> {
        match declared.contains(status) && (200..600).contains(&status) {
            true => Ok(Self::new(status)),
            false => Err(Problem::internal(format!("the handler chose the status {status}, which is not declared"))),
        }
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

    /// Adds a line of a header that may be in several.
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn append_header(mut self, name: &'static str, value: impl ToString) -> Result<Self, Problem> {
        let value = HeaderValue::try_from(value.to_string()).map_err(Problem::internal)?;
        self.headers.append(HeaderName::try_from(name).map_err(Problem::internal)?, value);
        Ok(self)
    }

    /// Adds a header whose value is written in the style `simple`, as its schema has it.
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn simple_header<T: Serialize>(self, name: &'static str, value: &T, explode: bool) -> Result<Self, Problem> {
        let value = serde_json::to_value(value).map_err(Problem::internal)?;
        // The one field that is no list, though there may be several of it (RFC 9110, 5.3).
        if let (true, Some(cookies)) = (name == "set-cookie", value.as_array()) {
            return cookies
                .iter()
                .filter_map(|cookie| cookie.as_str())
                .try_fold(self, |reply, cookie| reply.append_header(name, cookie));
        }
        let text = simple(&value, explode).ok_or_else(|| Problem::internal("a header cannot be nested"))?;
        self.header(name, text)
    }

    /// Adds such a header if there is a value for it.
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn optional_simple_header<T: Serialize>(
        self,
        name: &'static str,
        value: Option<&T>,
        explode: bool,
    ) -> Result<Self, Problem> {
        match value {
            Some(value) => self.simple_header(name, value, explode),
            None => Ok(self),
        }
    }

    /// Adds a header whose value is JSON (`content: application/json`).
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn json_header<T: Serialize>(self, name: &'static str, value: &T) -> Result<Self, Problem> {
        self.header(name, serde_json::to_string(value).map_err(Problem::internal)?)
    }

    /// Adds such a header if there is a value for it.
    ///
    /// # Errors
    /// As [`Reply::header`].
    pub fn optional_json_header<T: Serialize>(self, name: &'static str, value: Option<&T>) -> Result<Self, Problem> {
        match value {
            Some(value) => self.json_header(name, value),
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

    /// A body in whichever of these media types the client likes best: JSON, a string as text, an array as rows.
    ///
    /// # Errors
    /// 500 when it cannot be encoded.
    pub fn body<T: Serialize>(mut self, media: &'static [&'static str], body: &T) -> Result<Self, Problem> {
        let json = Spelling::Json(serde_json::to_vec(body).map_err(Problem::internal)?.into());
        match media {
            [] => return Err(Problem::internal("a body without a media type")),
            [one] => return Ok(self.bytes(one, json.of(one))),
            _ => self.body = Payload::Choice(media, json),
        }
        Ok(self)
    }

    /// A text in whichever of these media types the client likes best.
    pub fn text(mut self, media: &'static [&'static str], body: String) -> Self {
        match media {
            [one] => return self.bytes(one, body),
            [] => return self.bytes("text/plain", body),
            _ => self.body = Payload::Choice(media, Spelling::Same(body.into())),
        }
        self
    }

    /// The media type of the body, where the document has a range.
    ///
    /// # Errors
    /// 500 when the range does not have it.
    pub fn typed(mut self, ranges: &[&str], media: &str) -> Result<Self, Problem> {
        let given = MediaType::parse(media).filter(|given| wire::matching(ranges.iter().copied(), given).is_some());
        if given.is_none() {
            return Err(Problem::internal("the handler chose a media type that the document does not declare"));
        }
        self.headers.insert(CONTENT_TYPE, HeaderValue::try_from(media).map_err(Problem::internal)?);
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
            // A replay does not negotiate.
            Payload::Choice(media, spelling) => {
                let first = media.first().copied().unwrap_or("application/json");
                let mut headers = self.headers.clone();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(first));
                return StoredReply::new(self.status, &headers, spelling.clone().of(first));
            }
            Payload::Stream(_) | Payload::Events(_) => {
                return Err(Problem::internal("a stream cannot be kept under an idempotency key"));
            }
        };
        StoredReply::new(self.status, &self.headers, body)
    }

    /// Content type and body alone, for an error response in a shape of the document.
    ///
    /// # Errors
    /// 500 for a body that has no bytes of its own.
    pub(crate) fn into_body(self) -> Result<(HeaderMap, Body), Problem> {
        match self.body {
            Payload::Bytes(bytes) => Ok((self.headers, Body::from(bytes))),
            Payload::Empty => Ok((self.headers, Body::empty())),
            _ => Err(Problem::internal("a refusal has no choice and is no stream")),
        }
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
}
