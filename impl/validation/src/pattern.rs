//! `pattern` of JSON Schema on Rust's linear-time regular expressions.

use std::sync::OnceLock;

use regex::Regex;

/// The pattern that only keeps NUL out, which Postgres cannot store; common enough to skip the regex engine.
const NO_NUL: &str = r"^[^\x00]*$";

/// A pattern of the document that is compiled once per place it is written in.
#[macro_export]
macro_rules! pattern {
    ($source:literal) => {{
        static PATTERN: $crate::Pattern = $crate::Pattern::new($source);
        &PATTERN
    }};
}

/// A pattern of the document, compiled when first used.
#[derive(Debug)]
pub struct Pattern {
    source: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// `source` is an ECMA-262 pattern without lookaround and backreferences; the lint rejects others.
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Whether the pattern is found in `text` (JSON Schema patterns are not anchored).
    ///
    /// # Panics
    /// When the source is no valid pattern; `./codegen.sh` and the tests of the generated crates see to it that none is.
    pub fn matches(&self, text: &str) -> bool {
        if self.source == NO_NUL {
            return memchr::memchr(0, text.as_bytes()).is_none();
        }
        self.compiled.get_or_init(|| Regex::new(&to_rust(self.source)).expect("valid pattern")).is_match(text)
    }
}

/// ECMA's `\d` and `\w` are ASCII, Rust's are Unicode.
fn to_rust(source: &str) -> String {
    let mut rust = String::with_capacity(source.len() + 16);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('d')) => rust.push_str("[0-9]"),
            ('\\', Some('w')) => rust.push_str("[0-9A-Za-z_]"),
            ('\\', Some('/')) => rust.push('/'),
            ('\\', Some(escaped)) => rust.extend(['\\', escaped]),
            (other, _) => rust.push(other),
        }
    }
    rust
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_ascii_and_dollar_is_the_end() {
        let pattern = Pattern::new(r"^[\dA-F]{2}\/\w$");
        assert!(pattern.matches("3F/x"));
        assert!(!pattern.matches("٣F/x"));
        assert!(!pattern.matches("3F/x\n"));
    }

    #[test]
    fn nul_is_found_without_the_engine() {
        let pattern = Pattern::new(NO_NUL);
        assert!(pattern.matches("line\nbreak"));
        assert!(!pattern.matches("a\0b"));
    }
}
