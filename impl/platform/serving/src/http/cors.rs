//! Cross-origin requests (Fetch standard, 3.2): pages of the listed origins may call, with credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};
use platform_settings::Origins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, idempotent-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-next-cursor, x-request-id, \
     x-total-count",
);
/// Seconds a browser may cache the response to a preflight; Chromium's own limit.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// The CORS header fields of a request.
pub(crate) struct Asked {
    origin: Option<HeaderValue>,
    /// Whether the request is a preflight.
    pub(crate) preflight: bool,
    /// The headers it requests.
    headers: Option<HeaderValue>,
}

impl Asked {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let get = |name| headers.get(name).cloned();
        let origin = get(ORIGIN);
        let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Self { preflight: asks && origin.is_some(), origin, headers: get(ACCESS_CONTROL_REQUEST_HEADERS) }
    }
}

/// The allowed origins.
pub(crate) struct Cors {
    origins: Vec<String>,
    anybody: bool,
}

impl Cors {
    pub(crate) fn new(origins: &Origins) -> Self {
        Self { anybody: origins.0.iter().any(|origin| origin == "*"), origins: origins.0.clone() }
    }

    /// Adds the CORS header fields to a response; nothing for an origin that is not allowed.
    pub(crate) fn allow(&self, asked: &Asked, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = &asked.origin else { return };
        // Credentials are for listed origins only: with "any" every site could use the session of its visitor.
        if self.is_listed(origin) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.anybody {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return;
        }
        if asked.preflight {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            // Libraries add headers of their own; all are allowed, since access depends on the method and the token.
            answer.append(VARY, HeaderValue::from_static("access-control-request-headers"));
            if let Some(headers) = &asked.headers {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
            }
            answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
        } else {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }

    fn is_listed(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|listed| origin.as_bytes().eq_ignore_ascii_case(listed.as_bytes()))
    }
}
