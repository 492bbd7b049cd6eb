//! Conditional requests (RFC 9110, 13): an entity tag is a hash of the representation it names.
//!
//! A tag made from the bytes that are sent is right whatever a representation embeds; a version column would miss
//! changes of embedded objects.

use http::HeaderValue;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::Problem;

/// The entity tag of a body.
pub(crate) fn tag(body: &[u8]) -> String {
    format!("\"{:032x}\"", xxh3_128(body))
}

/// The entity tag of a representation as this crate encodes it.
///
/// # Errors
/// 500 when it cannot be encoded as JSON.
pub fn entity_tag<T: Serialize>(representation: &T) -> Result<String, Problem> {
    serde_json::to_vec(representation).map(|body| tag(&body)).map_err(Problem::internal)
}

/// Checks `If-Match` against the representation as it stands inside the transaction that will change it.
///
/// # Errors
/// 412 when none of the listed tags names it.
pub fn if_match<T: Serialize>(condition: Option<&str>, current: &T) -> Result<(), Problem> {
    let Some(condition) = condition else { return Ok(()) };
    let current = entity_tag(current)?;
    // Strong comparison: a weak tag never matches (RFC 9110, 8.8.3.2).
    if lists(condition).any(|candidate| candidate == "*" || candidate == current) {
        Ok(())
    } else {
        Err(Problem::precondition_failed())
    }
}

/// Whether `If-None-Match` names the tag (weak comparison).
pub(crate) fn none_match(condition: &HeaderValue, current: &str) -> bool {
    let Ok(condition) = condition.to_str() else { return false };
    lists(condition).any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == current)
}

fn lists(condition: &str) -> impl Iterator<Item = &str> {
    condition.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strong_for_writes_weak_for_reads() {
        let current = entity_tag(&1).expect("tag");
        assert!(if_match(None, &1).is_ok());
        assert!(if_match(Some("*"), &1).is_ok());
        assert!(if_match(Some(&format!("\"x\", {current}")), &1).is_ok());
        assert!(if_match(Some(&format!("W/{current}")), &1).is_err());
        assert!(if_match(Some(&current), &2).is_err());
        let weak = HeaderValue::from_str(&format!("W/{current}")).expect("header");
        assert!(none_match(&weak, &current));
    }
}
