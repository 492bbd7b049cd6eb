//! A request body as a borrowed tree, before the document's rules are applied.
//!
//! Strings without escapes stay slices of the body, so parsing costs little more than decoding into the model at
//! once, and every violation can be reported with its place instead of the first one only.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON, or text that has no type of its own (a parameter or form field).
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A JSON number.
    Number(Number),
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

/// A JSON number, kept exact where it is an integer of 64 bits.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Fits `i64`.
    Integer(i64),
    /// Above `i64::MAX`, fits `u64`.
    Unsigned(u64),
    /// Anything else.
    Float(f64),
}

impl Number {
    /// As a float; exact up to 2^53.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(n) => n as f64,
            Self::Unsigned(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

impl Number {
    /// An integer as such, however it was written.
    pub(crate) fn exact(self) -> Self {
        const EDGE: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Float(n) if n.fract() == 0.0 && (-EDGE..EDGE).contains(&n) => Self::Integer(n as i64),
            Self::Float(n) if n.fract() == 0.0 && (EDGE..2.0 * EDGE).contains(&n) => Self::Unsigned(n as u64),
            other => other,
        }
    }
}

/// JSON Schema compares numbers by value: 1 and 1.0 are the same.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self.exact(), other.exact()) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Unsigned(a), Self::Unsigned(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            _ => false,
        }
    }
}

impl<'a> Value<'a> {
    /// Parses one JSON text (RFC 8259) with unique member names.
    ///
    /// # Errors
    /// What is wrong and where, by line and column, without repeating any of it.
    pub fn from_json(text: &'a [u8]) -> Result<Self, String> {
        serde_json::from_str(utf8(text)?).map_err(|error| describe(&error, 0))
    }

    /// Parses one JSON text a line; blank lines are skipped.
    ///
    /// # Errors
    /// As [`Value::from_json`], with the line counted in the whole.
    pub fn from_ndjson(text: &'a [u8]) -> Result<Self, String> {
        utf8(text)?
            .split('\n')
            .enumerate()
            // Files that were put together have a byte order mark in the middle.
            .map(|(index, line)| (index, line.trim_start_matches('\u{feff}')))
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(index, line)| serde_json::from_str(line).map_err(|error| describe(&error, index)))
            .collect::<Result<_, _>>()
            .map(Self::Array)
    }
}

/// Checked once as a whole: that halves the time it takes to check string by string while parsing.
fn utf8(text: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(text).map_err(|_| "The body is not valid UTF-8.".to_owned())
}

fn describe(error: &serde_json::Error, lines_before: usize) -> String {
    let what = if error.is_eof() {
        "ends unexpectedly"
    } else if error.is_data() {
        "has a duplicate field"
    } else {
        "is not valid JSON"
    };
    format!("The body {what} at line {} column {}.", lines_before + error.line(), error.column())
}

/// Objects of more members than this look duplicates up in a set.
const SCAN: usize = 16;

struct Tree;

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Tree)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Value<'de>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Integer(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(i64::try_from(value).map_or(Number::Unsigned(value), Number::Integer)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Float(value)))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(name) = from.next_key_seed(Name)? {
            if members.len() == SCAN {
                seen.extend(members.iter().map(|(name, _)| name.clone()));
            }
            let twice = if members.len() < SCAN {
                members.iter().any(|(known, _)| *known == name)
            } else {
                !seen.insert(name.clone())
            };
            if twice {
                return Err(A::Error::custom("duplicate member"));
            }
            members.push((name, from.next_value()?));
        }
        Ok(Value::Object(members))
    }
}

/// serde's own `Cow<str>` never borrows.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a member name")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_in_small_and_large_objects() {
        assert!(Value::from_json(br#"{"a":1,"a":2}"#).is_err());
        let mut large: Vec<String> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
        assert!(Value::from_json(format!("{{{}}}", large.join(",")).as_bytes()).is_ok());
        large.push("\"k39\":0".into());
        assert!(Value::from_json(format!("{{{}}}", large.join(",")).as_bytes()).is_err());
        large.pop();
        large.push("\"k3\":0".into());
        assert!(Value::from_json(format!("{{{}}}", large.join(",")).as_bytes()).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(Value::from_json(deep.as_bytes()).is_err());
    }

    #[test]
    fn plain_strings_are_borrowed() {
        let Value::Array(items) = Value::from_json(br#"["plain","esc\n"]"#).expect("json") else { panic!("array") };
        assert!(matches!(&items[0], Value::String(Cow::Borrowed("plain"))));
        assert!(matches!(&items[1], Value::String(Cow::Owned(_))));
    }

    #[test]
    fn lone_surrogates_and_overflow_are_refused() {
        assert!(Value::from_json(br#""\ud800""#).is_err());
        assert!(Value::from_json(b"1e999").is_err());
        assert!(Value::from_json(b"\"\xff\"").is_err());
    }

    #[test]
    fn ndjson_counts_its_lines() {
        assert_eq!(Value::from_ndjson(b"1\n\n2\n").map(|v| matches!(v, Value::Array(a) if a.len() == 2)), Ok(true));
        assert!(Value::from_ndjson(b"1\n{").expect_err("broken").contains("line 2"));
    }
}
