//! `pattern` of JSON Schema: ECMA-262 in Unicode mode, in linear time wherever it is regular.

mod classes;
mod groups;
mod machine;
mod node;
mod program;
mod syntax;

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use program::Program;
use regex_automata::meta::Regex;

/// The pattern that only keeps NUL out, which Postgres cannot store; common enough to skip the engine.
const NO_NUL: &str = r"^[^\x00]*$";
/// The longest pattern, in bytes.
const LENGTH: usize = 32_768;
/// The largest automaton, in bytes. What needs more, such as `(?:[a-z]{2,900},){9,900}`, is found by backtracking.
const AUTOMATON: usize = 4 << 20;

/// A pattern of the document that is compiled once per place it is written in.
#[macro_export]
macro_rules! pattern {
    ($source:literal) => {{
        static PATTERN: $crate::Pattern = $crate::Pattern::new($source);
        &PATTERN
    }};
}

/// A pattern of a document.
pub struct Pattern {
    source: Cow<'static, str>,
    compiled: OnceLock<Engine>,
}

enum Engine {
    NoNul,
    /// Each must be found, or (`false`) must not.
    Regular(Vec<(bool, Regex)>),
    /// One class of characters, so many times.
    Run(Vec<(bool, Regex)>, u64, u64),
    Backtracking(Program),
    /// The source is no pattern.
    Broken,
}

impl Pattern {
    /// A pattern that is compiled when first used. One that [`Pattern::check`] rejects matches nothing.
    pub const fn new(source: &'static str) -> Self {
        Self { source: Cow::Borrowed(source), compiled: OnceLock::new() }
    }

    /// A pattern that is known only now.
    ///
    /// # Errors
    /// As [`Pattern::check`].
    pub fn owned(source: String) -> Result<Self, String> {
        let compiled = OnceLock::from(Engine::new(&source)?);
        Ok(Self { source: Cow::Owned(source), compiled })
    }

    /// Whether a pattern can be served.
    ///
    /// # Errors
    /// Why it cannot: it is no pattern of ECMA-262, longer than 32,768 bytes, or has more than 100 groups within each other.
    pub fn check(source: &str) -> Result<(), String> {
        Engine::new(source).map(|_| ())
    }

    /// Whether a text of up to 4,096 bytes is a pattern. It is not compiled: that takes more than a client's text is worth.
    pub(crate) fn is_pattern(text: &str) -> bool {
        text.len() <= 4096 && syntax::parse(text).is_ok()
    }

    /// Whether the pattern is found in `text` (JSON Schema patterns are not anchored).
    ///
    /// In time linear in the text, unless the pattern refers back, looks around in its middle, or is too large for an automaton: then in
    /// at most two million steps, and a text that would take more does not match.
    pub fn matches(&self, text: &str) -> bool {
        let all =
            |conditions: &[(bool, Regex)]| conditions.iter().all(|(wanted, regex)| regex.is_match(text) == *wanted);
        match self.compiled.get_or_init(|| Engine::new(&self.source).unwrap_or(Engine::Broken)) {
            Engine::NoNul => memchr::memchr(0, text.as_bytes()).is_none(),
            Engine::Regular(conditions) => all(conditions),
            Engine::Run(class, min, max) => {
                let length = text.chars().count() as u64;
                (*min..=*max).contains(&length) && all(class)
            }
            Engine::Backtracking(program) => program.is_match(text),
            Engine::Broken => false,
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Pattern({:?})", self.source)
    }
}

impl Engine {
    fn new(source: &str) -> Result<Self, String> {
        if source == NO_NUL {
            return Ok(Self::NoNul);
        }
        if source.len() > LENGTH {
            return Err(format!("it is longer than {LENGTH} bytes"));
        }
        let (node, groups) = syntax::parse(source)?;
        if let Some((class, min, max)) = node.as_run()
            && let Some(class) = class.automata(AUTOMATON)
        {
            return Ok(Self::Run(class, min.into(), if max == u32::MAX { u64::MAX } else { max.into() }));
        }
        Ok(match node.automata(AUTOMATON) {
            Some(conditions) => Self::Regular(conditions),
            None => Self::Backtracking(Program::new(&node, groups)),
        })
    }
}
