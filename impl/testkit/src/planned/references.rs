//! References within a document.

use serde_json::Value;

/// What a reference leads to.
pub(super) fn resolve<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    let mut node = node;
    for _ in 0..32 {
        let Some(reference) = node["$ref"].as_str() else { return node };
        let Some(target) = target(document, reference) else { return node };
        node = target;
    }
    node
}

/// What a pointer in a reference points to.
pub(super) fn target<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_encoding::percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    document.pointer(&pointer)
}
