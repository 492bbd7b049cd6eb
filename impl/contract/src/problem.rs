//! Problem documents (RFC 9457): the format of every error response.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use validation::FieldError;

/// An error that becomes an error response.
///
/// `code` is stable and meant for programs, `detail` is for people. Neither ever repeats what the client submitted.
/// The cause, if any, is for the log and is never sent.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

// Boxed, because it is the rare case of every `Result`.
#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: HeaderMap,
    cause: Option<Cause>,
    /// `error` of RFC 6749, 5.2.
    oauth_error: Option<&'static str>,
    /// The request it belongs to, where that is known.
    request: Option<RequestId>,
}

/// Why a request failed; kept in the response's extensions so that it is logged once, with the request id.
#[derive(Debug, Clone)]
pub struct Cause(pub Arc<dyn Error + Send + Sync>);

/// The id of the request; placed in its extensions by the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl Problem {
    /// A problem with a stable `code` and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let (errors, headers, cause, oauth_error, request) = (Vec::new(), HeaderMap::new(), None, None, None);
        Self(Box::new(Parts { status, code, detail: detail.into(), errors, headers, cause, oauth_error, request }))
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401 with the challenge RFC 6750 asks for. `code` is `missing_token` or `invalid_token`.
    pub fn unauthorized(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let challenge = if code == "missing_token" { "Bearer" } else { r#"Bearer error="invalid_token""# };
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403: the object may be seen, the action on it is not allowed.
    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: missing, or of another user: the two are not distinguished.
    pub fn not_found(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 409: a duplicate, or a state that does not allow the change.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 409: the first request with this idempotency key is still in progress; retry after a second.
    pub fn idempotency_in_flight() -> Self {
        Self::conflict("idempotency_in_flight", "The first request with this Idempotency-Key is still in progress.")
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 422: the idempotency key was used for another request.
    pub fn idempotency_key_reused() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used for a different request; use a new key for each request.",
        )
    }

    /// 412: the `If-Match` condition does not hold (RFC 9110, 13.1.1).
    pub fn precondition_failed() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "The object has changed since the version in If-Match.",
        )
    }

    /// 422: the request breaks the document in the listed places.
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            "The request does not conform to the API specification; see errors.",
        );
        problem.0.errors = errors;
        problem
    }

    /// 500 with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Internal error; its cause is logged under the request id.",
        )
        .with_cause(cause)
    }

    /// 429: try again after `seconds`.
    pub fn too_many(code: &'static str, detail: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 501: the document declares the operation, but it is not implemented yet.
    pub fn not_implemented() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "This operation is not implemented yet.")
    }

    /// 503: try again after `seconds`.
    pub fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Cause(cause.into().into()));
        self
    }

    /// The same with another status and code.
    pub(crate) fn with_status(mut self, status: StatusCode, code: &'static str) -> Self {
        (self.0.status, self.0.code) = (status, code);
        self
    }

    /// Adds the fields of RFC 6749, 5.2.
    pub(crate) fn with_oauth_error(mut self, error: &'static str) -> Self {
        self.0.oauth_error = Some(error);
        self
    }

    /// The same, knowing the request it belongs to.
    pub(crate) fn of_request(mut self, request: Option<&RequestId>) -> Self {
        self.0.request = request.cloned();
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Why it failed, for logs and operators.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.0.cause.as_ref().map(|cause| &*cause.0)
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The status in words.
    pub fn title(&self) -> &'static str {
        self.0.status.canonical_reason().unwrap_or("Error")
    }

    /// What breaks the document, and where.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The id of the request, while the response is created.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request.as_ref().map(|id| &*id.0)
    }

    /// The response, naming the request it belongs to.
    pub fn into_response_for(self, request: Option<&RequestId>) -> Response {
        let document = self.document(request);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))]);
        self.into_response_with(headers, Body::from(document))
    }

    /// The response with another body, which has these headers besides those of the problem.
    pub(crate) fn into_response_with(self, headers: HeaderMap, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        response.headers_mut().extend(headers);
        if let Some(cause) = self.0.cause {
            response.extensions_mut().insert(cause);
        }
        response
    }

    /// The body of the response.
    pub(crate) fn document(&self, request: Option<&RequestId>) -> Vec<u8> {
        let Parts { status, code, detail, errors, oauth_error, .. } = &*self.0;
        let document = Document {
            kind: format!("urn:problem:{code}"),
            title: self.title(),
            status: status.as_u16(),
            detail,
            instance: request.map(|id| format!("urn:request:{}", id.0)),
            code,
            request_id: request.map(|id| &*id.0),
            errors,
            error: *oauth_error,
            error_description: oauth_error.map(|_| &**detail),
        };
        // Only strings and integers: serializing them into memory cannot fail.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_response_for(None)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

/// Requests that the service cannot send: the client's mistake, or its own.
impl From<outgoing::Fault> for Problem {
    fn from(fault: outgoing::Fault) -> Self {
        match fault {
            outgoing::Fault::Url(error) => Self::validation(vec![error]),
            broken => Self::internal(broken),
        }
    }
}
