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

/// Removes a trailing slash, so that every path works with and without; returns whether there was one.
pub(crate) fn trim_slash(target: &mut Uri) -> bool {
    let path = target.path();
    let Some(trimmed) = path.strip_suffix('/').filter(|rest| !rest.is_empty() && !rest.ends_with('/')) else {
        return false;
    };
    let trimmed = match target.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    // The rest of a valid target is valid; otherwise the path would simply not match.
    match Uri::try_from(trimmed) {
        Ok(trimmed) => {
            *target = trimmed;
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(target: &str) -> String {
        let mut target: Uri = target.parse().expect("a target");
        trim_slash(&mut target);
        target.to_string()
    }

    #[test]
    fn one_slash_is_trimmed_and_no_more() {
        assert_eq!(trimmed("/a/b/"), "/a/b");
        assert_eq!(trimmed("/a/b/?x=/"), "/a/b?x=/");
        for kept in ["/", "/a", "//", "/a//", "/?x=/", "*"] {
            assert_eq!(trimmed(kept), kept);
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
