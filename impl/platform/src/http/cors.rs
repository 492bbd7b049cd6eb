//! Cross-origin requests (Fetch standard, 3.2): pages of the listed origins may call, with credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::settings::Origins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, idempotent-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-next-cursor, x-request-id, \
     x-total-count",
);
/// Seconds a browser may remember the answer to a preflight; Chromium's own limit.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Which origins may call.
pub(crate) struct Cors {
    origins: Vec<String>,
    anybody: bool,
}

impl Cors {
    pub(crate) fn new(origins: &Origins) -> Self {
        Self { anybody: origins.0.iter().any(|origin| origin == "*"), origins: origins.0.clone() }
    }

    /// Whether the request only asks for permission.
    pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds to an answer what a browser needs to hand it to the page; nothing for a foreign origin.
    pub(crate) fn allow(&self, origin: Option<&HeaderValue>, preflight: bool, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return };
        // Credentials are for listed origins only: "any, with credentials" would be everybody's session.
        if self.is_listed(origin) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.anybody {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return;
        }
        if preflight {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn is_listed(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|listed| origin.as_bytes().eq_ignore_ascii_case(listed.as_bytes()))
    }
}
