//! Checks before routing: the id of a request, its size, its path.

use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Problem, RequestId};
use http::{HeaderMap, Method, Uri};
use uuid::Uuid;

use super::refusals::{headers_too_large, no_proxy, target_too_long};

/// Long enough for any id generator, short enough for a log.
const MAX_ID_BYTES: usize = 64;

/// The request id that the client sent, if it is valid: it is repeated in logs and responses.
pub(crate) fn given_request_id(headers: &HeaderMap) -> Option<RequestId> {
    let given = headers.get("x-request-id")?.as_bytes();
    let sane = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if given.is_empty() || given.len() > MAX_ID_BYTES || !given.iter().all(sane) {
        return None;
    }
    std::str::from_utf8(given).ok().map(|given| RequestId(given.into()))
}

/// A UUID of version 7. Its random part comes from the thread's generator: the kernel's would cost more than the rest of the
/// overhead of a small request.
pub(crate) fn new_request_id() -> RequestId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = u64::try_from(now.as_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid();
    let mut text = Uuid::encode_buffer();
    RequestId((&*id.hyphenated().encode_lower(&mut text)).into())
}

/// The maximum size of header fields in bytes.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// The maximum size of path and query in bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;
/// Rejects requests that no operation would accept.
pub(crate) fn refuse(method: &Method, target: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    if *method == Method::CONNECT {
        return Err(no_proxy());
    }
    if target.path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Err(target_too_long());
    }
    // Names, values and the four bytes around them.
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > MAX_HEADER_BYTES {
        return Err(headers_too_large());
    }
    Ok(())
}

/// A path without its trailing slash, if it has one: the endpoints of every service work with and without.
pub(crate) fn without_slash(path: &str) -> Option<&str> {
    path.strip_suffix('/').filter(|rest| !rest.is_empty() && !rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slash_is_trimmed_and_no_more() {
        assert_eq!(without_slash("/a/b/"), Some("/a/b"));
        for kept in ["/", "/a", "//", "/a//", "*"] {
            assert_eq!(without_slash(kept), None, "{kept}");
        }
    }

    #[test]
    fn made_ids_are_sane_and_differ() {
        let (one, other) = (new_request_id(), new_request_id());
        assert_ne!(one.0, other.0);
        let parsed = Uuid::parse_str(&one.0).expect("a UUID");
        assert_eq!(parsed.get_version_num(), 7);
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", one.0.parse().expect("a header"));
        assert_eq!(given_request_id(&headers).map(|id| id.0), Some(one.0));
    }
}
