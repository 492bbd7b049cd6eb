//! JSON pointers (RFC 6901).

/// A step as pointers have it.
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The name that a step of a pointer stands for.
pub(crate) fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// A pointer to a field or item of what `pointer` leads to.
pub fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", escape(name))
}
