//! JSON text as a tree of values, of a bounded depth and with numbers as they were written.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::number::{Literals, Number};
use crate::value::Value;

/// Arrays and objects within each other that a body may have, unless it is read with another depth.
pub const DEPTH: usize = 128;

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Stable: `invalid_encoding`, `invalid_json`, `duplicate_member`, `number_out_of_range` or `too_deep`.
    pub code: &'static str,
    /// What is wrong and where, by line and column, without repeating any of it.
    pub detail: String,
}

impl<'a> Value<'a> {
    /// Parses one JSON text (RFC 8259) with unique member names, of up to [`DEPTH`] levels.
    ///
    /// # Errors
    /// See [`Malformed`]. Out of range are numbers whose nearest double is infinite (1e309), and exponents of more than 17 digits.
    pub fn from_json(text: &'a [u8]) -> Result<Self, Malformed> {
        Self::from_json_within(text, DEPTH)
    }

    /// As [`Value::from_json`], of up to `depth` levels. Whatever walks the tree takes stack for each of them: with more than 500 a
    /// thread needs more than its usual 2 MB.
    ///
    /// # Errors
    /// As [`Value::from_json`].
    pub fn from_json_within(text: &'a [u8], depth: usize) -> Result<Self, Malformed> {
        parse(utf8(text)?, depth, 0)
    }

    /// Parses one JSON text a line; blank lines are skipped.
    ///
    /// # Errors
    /// As [`Value::from_json`], with the line counted in the whole.
    pub fn from_ndjson(text: &'a [u8]) -> Result<Self, Malformed> {
        utf8(text)?
            .split('\n')
            .enumerate()
            // Files that were put together have a byte order mark in the middle.
            .map(|(index, line)| (index, line.trim_start_matches('\u{feff}')))
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(index, line)| parse(line, DEPTH, index))
            .collect::<Result<_, _>>()
            .map(Self::Array)
    }
}

/// Checked once as a whole: that halves the time it takes to check string by string while parsing.
fn utf8(text: &[u8]) -> Result<&str, Malformed> {
    let detail = "The body is not valid UTF-8.".to_owned();
    std::str::from_utf8(text).map_err(|_| Malformed { code: "invalid_encoding", detail })
}

fn parse(text: &str, depth: usize, lines_before: usize) -> Result<Value<'_>, Malformed> {
    let seen = Seen::default();
    let mut from = serde_json::Deserializer::from_str(text);
    // Counted by Tree.
    from.disable_recursion_limit();
    let read = Tree { depth, seen: &seen }.deserialize(&mut from).and_then(|value| from.end().map(|()| value));
    let mut value = read.map_err(|error| describe(&error, &seen, depth, lines_before))?;
    // Most bodies have no fractions, and cost nothing here.
    if seen.doubles.get() && settle(&mut value, &mut Literals(text)).is_none() {
        let detail = "The body has a number whose exponent is out of range.".to_owned();
        return Err(Malformed { code: "number_out_of_range", detail });
    }
    Ok(value)
}

/// Replaces doubles that are not what was written; the tree has its numbers in the order of the text.
fn settle<'a>(value: &mut Value<'a>, literals: &mut Literals<'a>) -> Option<()> {
    match value {
        Value::Number(number) => {
            let literal = literals.next()?;
            if let Number::Float(double) = *number {
                *number = Number::exactly(double, literal)?;
            }
            Some(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| settle(item, literals)),
        Value::Object(members) => members.iter_mut().try_for_each(|(_, member)| settle(member, literals)),
        _ => Some(()),
    }
}

fn describe(error: &serde_json::Error, seen: &Seen, depth: usize, lines_before: usize) -> Malformed {
    let (code, what) = if seen.too_deep.get() {
        ("too_deep", format!("has more than {depth} levels"))
    } else if error.is_eof() {
        ("invalid_json", "ends unexpectedly".to_owned())
    } else if error.is_data() {
        ("duplicate_member", "has a duplicate field".to_owned())
    } else if error.to_string().starts_with("number out of range") {
        ("number_out_of_range", "has a number that is out of range".to_owned())
    } else {
        ("invalid_json", "is not valid JSON".to_owned())
    };
    let detail = format!("The body {what} at line {} column {}.", lines_before + error.line(), error.column());
    Malformed { code, detail }
}

/// Objects of more members than this look duplicates up in a set.
const SCAN: usize = 16;

/// What was met while parsing.
#[derive(Default)]
struct Seen {
    doubles: Cell<bool>,
    too_deep: Cell<bool>,
}

/// Reads a value of up to `depth` levels.
#[derive(Clone, Copy)]
struct Tree<'s> {
    depth: usize,
    seen: &'s Seen,
}

impl Tree<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => {
                self.seen.too_deep.set(true);
                Err(E::custom("too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
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
        self.seen.doubles.set(true);
        Ok(Value::Number(Number::Float(value)))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let below = self.below()?;
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(below)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let below = self.below()?;
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
            members.push((name, from.next_value_seed(below)?));
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
        assert!(Value::from_ndjson(b"1\n{").expect_err("broken").detail.contains("line 2"));
    }
}
