//! The decoded parts of one request, handed to a generated function that picks what its operation declares.

use std::borrow::Cow;

use axum::extract::RawPathParams;
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::operation::Operation;
use crate::problem::Problem;
use validation::Items;
use validation::Place;
use validation::Value;
use validation::{Decoder, Step};

/// Libraries add it, with a number that differs each time, to bypass caches.
pub(crate) const CACHE_BUSTER: &str = "_";
/// Fields that are lists, which may come in several lines (RFC 9110, 5.3).
const LISTS: [&str; 2] = ["If-Match", "If-None-Match"];
/// More pairs in a query string or form than this are rejected.
const MAX_PAIRS: usize = 200;

/// A request whose caller is known and whose body was read; parameters and body are taken by name.
pub struct Input<'r> {
    pub(crate) operation: &'static Operation,
    pub(crate) path: &'r RawPathParams,
    pub(crate) query: Pairs<'r>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: Option<Value<'r>>,
    pub(crate) at: Decoder,
}

/// Names and values of a query string or form, in order.
pub(crate) type Pairs<'r> = Vec<(Cow<'r, str>, Cow<'r, str>)>;

/// What a rule is: it takes a value and yields what it decodes to, or records a violation.
pub(crate) type Rule<'v, T> = fn(Value<'v>, &mut Decoder) -> Option<T>;

impl<'r> Input<'r> {
    /// A path parameter.
    pub fn path<T>(&mut self, name: &'static str, rule: Rule<'r, T>) -> Option<T> {
        let value = self.path.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        self.at.enter(Place::Path);
        self.at.named(name, |at| match value {
            Some(value) => rule(Value::Text(Cow::Borrowed(value)), at),
            None => at.refuse("required", "Is required."),
        })
    }

    /// A query parameter that must be there.
    pub fn query<T>(&mut self, name: &'static str, rule: Rule<'r, T>) -> Option<T> {
        self.optional_query(name, rule)?.or_else(|| self.absent(Place::Query, name))
    }

    /// A query parameter that may be absent.
    pub fn optional_query<T>(&mut self, name: &'static str, rule: Rule<'r, T>) -> Option<Option<T>> {
        let mut values = self.query.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.clone());
        let twice = values.next().is_some();
        self.at.enter(Place::Query);
        match value {
            None => Some(None),
            Some(_) if twice => self.at.named(name, |at| at.refuse("duplicate", "Must be given exactly once.")),
            Some(value) => self.at.named(name, |at| rule(Value::Text(value), at)).map(Some),
        }
    }

    /// A query parameter that has a value of the document's (JSON text) when absent.
    pub fn defaulted_query<T>(&mut self, name: &'static str, default: &'static str, rule: Rule<'r, T>) -> Option<T> {
        match self.optional_query(name, rule)? {
            Some(value) => Some(value),
            None => {
                let value = Value::from_json(default.as_bytes()).ok()?;
                self.at.named(name, |at| rule(value, at))
            }
        }
    }

    /// An array in the query, `style: form`: `a=1&a=2` when `explode`, else `a=1,2`. Absent: `None`.
    pub fn optional_query_array<T>(
        &mut self,
        name: &'static str,
        explode: bool,
        items: &Items,
        rule: Rule<'r, T>,
    ) -> Option<Option<Vec<T>>> {
        let mut values: Vec<Value<'r>> =
            self.query.iter().filter(|(known, _)| known == name).map(|(_, value)| Value::Text(value.clone())).collect();
        if values.is_empty() {
            return Some(None);
        }
        if !explode && let [Value::Text(list)] = values.as_slice() {
            values = list.split(',').map(|item| Value::Text(Cow::Owned(item.to_owned()))).collect();
        } else if !explode {
            self.at.enter(Place::Query);
            return self.at.named(name, |at| at.refuse("duplicate", "Must be given exactly once."));
        }
        self.at.enter(Place::Query);
        self.at.named(name, |at| at.array(Value::Repeated(values), items, rule)).map(Some)
    }

    /// As [`Input::optional_query_array`], but it must be there.
    pub fn query_array<T>(
        &mut self,
        name: &'static str,
        explode: bool,
        items: &Items,
        rule: Rule<'r, T>,
    ) -> Option<Vec<T>> {
        self.optional_query_array(name, explode, items, rule)?.or_else(|| self.absent(Place::Query, name))
    }

    /// A header field that must be there.
    pub fn header<T>(&mut self, name: &'static str, rule: Rule<'r, T>) -> Option<T> {
        self.optional_header(name, rule)?.or_else(|| self.absent(Place::Header, name))
    }

    /// A header field that may be absent.
    pub fn optional_header<T>(&mut self, name: &'static str, rule: Rule<'r, T>) -> Option<Option<T>> {
        let lines: Vec<_> = self.headers.get_all(name).iter().collect();
        let (first, twice) = match lines.as_slice() {
            [] => return Some(None),
            [first] => (Cow::Borrowed(first.as_bytes()), false),
            all if LISTS.contains(&name) => {
                let lines: Vec<&[u8]> = all.iter().map(|line| line.as_bytes()).collect();
                (Cow::Owned(lines.join(&b", "[..])), false)
            }
            [first, ..] => (Cow::Borrowed(first.as_bytes()), true),
        };
        let text = match first {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        self.at.enter(Place::Header);
        self.at
            .named(name, |at| match text {
                _ if twice => at.refuse("duplicate", "Must be given exactly once."),
                Some(text) => rule(Value::Text(text), at),
                None => at.refuse("invalid_format", "Must be valid UTF-8."),
            })
            .map(Some)
    }

    /// A header field that has a value of the document's (JSON text) when absent.
    pub fn defaulted_header<T>(&mut self, name: &'static str, default: &'static str, rule: Rule<'r, T>) -> Option<T> {
        match self.optional_header(name, rule)? {
            Some(value) => Some(value),
            None => {
                let value = Value::from_json(default.as_bytes()).ok()?;
                self.at.named(name, |at| rule(value, at))
            }
        }
    }

    /// The body; it was read because the document requires it.
    pub fn body<T>(&mut self, rule: Rule<'r, T>) -> Option<T> {
        self.optional_body(rule)?.or_else(|| {
            self.at.enter(Place::Body);
            self.at.refuse("required", "A body is required.")
        })
    }

    /// The body, if there is one.
    pub fn optional_body<T>(&mut self, rule: Rule<'r, T>) -> Option<Option<T>> {
        self.at.enter(Place::Body);
        match self.body.take() {
            Some(value) => rule(value, &mut self.at).map(Some),
            None => Some(None),
        }
    }

    /// Rejects query parameters that the document does not have (`x-unknown-parameters: refuse`).
    pub(crate) fn close_query(&mut self) {
        let Some(known) = self.operation.query else { return };
        let unknown = self.query.iter().filter(|(name, _)| !known.contains(&&**name) && name != CACHE_BUSTER);
        for (name, _) in unknown {
            self.at.enter(Place::Query);
            let step = Step::Member(name.clone().into_owned());
            self.at.within(step, |at| at.refuse::<()>("unknown_parameter", "Unknown parameter."));
        }
    }

    fn absent<T>(&mut self, place: Place, name: &'static str) -> Option<T> {
        self.at.enter(place);
        self.at.named(name, |at| at.refuse("required", "Is required."))
    }
}

/// The pairs of a query string or form (WHATWG URL, 5.1), decoded strictly.
pub(crate) fn pairs(text: &str) -> Result<Pairs<'_>, Problem> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MAX_PAIRS {
            return Err(Problem::bad_request("too_many_parameters", "Too many parameters."));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into_owned())),
        Err(_) => Err(Problem::bad_request("invalid_encoding", "Percent-encoded text must be valid UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_bounded() {
        let read = pairs("a=1&b=x+y%2B&c&=v").expect("valid");
        let expected = [("a", "1"), ("b", "x y+"), ("c", ""), ("", "v")];
        assert_eq!(read.iter().map(|(n, v)| (&**n, &**v)).collect::<Vec<_>>(), expected);
        assert!(pairs("a=%ff").is_err());
        assert!(pairs(&"a=1&".repeat(MAX_PAIRS + 1)).is_err());
    }
}
