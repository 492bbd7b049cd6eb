//! Names and values of a query string, a form or cookies.

use std::borrow::Cow;

use crate::fault::Fault;
use crate::percent::decoded_form;

/// Libraries add it, with a number that differs each time, to bypass caches.
const CACHE_BUSTER: &str = "_";
/// More pairs in a query string, form or cookie than this are rejected.
pub(crate) const MAX_PAIRS: usize = 200;

/// A name and its value.
#[derive(Debug, Clone)]
pub struct Pair<'r> {
    /// The name, decoded.
    pub name: Cow<'r, str>,
    /// The value, decoded.
    pub value: Cow<'r, str>,
    /// The value as it was sent: delimiters are those that are not encoded.
    pub(crate) raw: &'r str,
    /// Whether a parameter has read it.
    pub(crate) taken: bool,
}

impl Pair<'_> {
    /// Whether it says nothing to the operation, but bypasses caches.
    pub fn is_cache_buster(&self) -> bool {
        self.name == CACHE_BUSTER
    }
}

/// The pairs of a query string, a form or cookies, in order.
#[derive(Debug, Clone, Default)]
pub struct Pairs<'r>(pub(crate) Vec<Pair<'r>>);

impl<'r> Pairs<'r> {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Pair<'r>> {
        self.0.iter()
    }

    /// Keeps what has this name from what takes all others.
    pub fn set_aside(&mut self, name: &str) {
        self.0.iter_mut().filter(|pair| pair.name == name).for_each(|pair| pair.taken = true);
    }

    /// Those that no parameter has read.
    pub fn unread(&self) -> impl Iterator<Item = &Pair<'r>> {
        self.0.iter().filter(|pair| !pair.taken)
    }
}

/// The pairs of a query string or form (WHATWG URL, 5.1), decoded strictly.
///
/// # Errors
/// `too_many_parameters`, `invalid_encoding`.
pub fn pairs(text: &str) -> Result<Pairs<'_>, Fault> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MAX_PAIRS {
            return Err(Fault::TOO_MANY);
        }
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push(Pair { name: decoded_form(name)?, value: decoded_form(raw)?, raw, taken: false });
    }
    Ok(Pairs(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_bounded() {
        let read = pairs("a=1&b=x+y%2B&c&=v").expect("valid");
        let expected = [("a", "1"), ("b", "x y+"), ("c", ""), ("", "v")];
        assert_eq!(read.iter().map(|pair| (&*pair.name, &*pair.value)).collect::<Vec<_>>(), expected);
        assert_eq!(pairs("a=%ff").expect_err("no text"), Fault::ENCODING);
        assert_eq!(pairs(&"a=1&".repeat(MAX_PAIRS + 1)).expect_err("many"), Fault::TOO_MANY);
    }
}
