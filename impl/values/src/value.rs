//! A request body as a borrowed tree, before the document's rules are applied.
//!
//! Strings without escapes stay slices of the body, so parsing costs little more than decoding into the model at
//! once, and every violation can be reported with its place instead of the first one only.

use std::borrow::Cow;

use crate::number::Number;
use crate::pointer::unescape;

/// JSON, or text that has no type of its own (a parameter or form field).
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A JSON number.
    Number(Number<'a>),
    /// A JSON string.
    String(Cow<'a, str>),
    /// A JSON array.
    Array(Vec<Value<'a>>),
    /// A JSON object; member names are unique.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A parameter or form field: a string, or the lexical form of a number or boolean.
    Text(Cow<'a, str>),
    /// A parameter or form field that was given more than once: each time a `Text`.
    Repeated(Vec<Value<'a>>),
}

/// Equality of JSON Schema (draft 2020-12, core 4.2.2): numbers by value, objects whatever the order of members.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Number(one), Value::Number(other)) => one == other,
            (Value::String(one), Value::String(other)) | (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Array(one), Value::Array(other)) | (Value::Repeated(one), Value::Repeated(other)) => one == other,
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len() && sorted(one).iter().zip(sorted(other)).all(|(one, other)| **one == *other)
            }
            _ => false,
        }
    }
}

impl<'a> Value<'a> {
    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What a JSON pointer (RFC 6901) leads to; nothing for a text that is none.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').map(unescape).try_fold(self, |value, step| match value {
            Self::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => value.member(&step),
        })
    }
}

/// Members by their names, which are unique.
pub(crate) fn sorted<'m, 'v>(members: &'m [(Cow<'v, str>, Value<'v>)]) -> Vec<&'m (Cow<'v, str>, Value<'v>)> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    sorted
}
