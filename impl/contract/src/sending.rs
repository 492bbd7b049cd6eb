//! The response of an operation, as it is sent.

use std::time::Duration;

use axum::body::Body;
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::answer::{Payload, Reply};
use crate::etag;
use crate::operation::Operation;

impl Reply {
    /// The response, with its `ETag` where the document says so, and as 304 when the client has it already.
    pub(crate) fn into_response(mut self, operation: &Operation, request: &Parts) -> Response {
        self.link_next_page(request.uri.query());
        self.choose(request);
        let mut known = false;
        let mut response = match self.body {
            Payload::Empty | Payload::Choice(..) => Response::new(Body::empty()),
            Payload::Bytes(bytes) if operation.etag && self.status == StatusCode::OK => {
                let tag = etag::tag(&bytes);
                known = operation.statuses.contains(304)
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

    /// Of several media types that which the client likes best; the first when it accepts none (RFC 9110, 12.5.1).
    fn choose(&mut self, request: &Parts) {
        match std::mem::replace(&mut self.body, Payload::Empty) {
            Payload::Choice(media, spelling) => {
                let chosen = media[wire::best(media, &request.headers).unwrap_or(0).min(media.len() - 1)];
                self.headers.append(VARY, HeaderValue::from_static("accept"));
                *self = std::mem::replace(self, Self::new(200)).bytes(chosen, spelling.of(chosen));
            }
            other => self.body = other,
        }
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
