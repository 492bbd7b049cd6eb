//! Random documents and values, for a comparison of validators (tests/differential.rs).

pub mod document;
pub mod instance;
pub mod judge;
mod kind;
mod scalars;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// A source of choices that a seed repeats.
pub struct Choices(StdRng);

impl Choices {
    /// The choices of a seed.
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// `true` in so many of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Few, so that schemas and values meet.
pub const NAMES: [&str; 7] = ["a", "b", "c", "ab", "x/y", "~1", "ü %"];
const STRINGS: [&str; 17] = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "aaaa",
    "é\u{1f600}",
    "1",
    "true",
    "x/y",
    "2024-02-29",
    "2023-02-29",
    "2024-02-29T10:00:00.5+01:00",
    "127.0.0.1",
    "::1",
    "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
    "a\nb",
];
const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "-1",
    "-2",
    "0.5",
    "1.5",
    "2.0",
    "1e0",
    "100",
    "0.1",
    "0.3",
    "1e2",
    "-0.0",
    "2.5",
    "-1.5",
    "9007199254740993",
    "9223372036854775807",
    "1e15",
    "0.25",
];

/// A number, often of those that schemas have limits of.
pub fn number(choices: &mut Choices) -> Value {
    let literal = *choices.one(&NUMBERS);
    serde_json::from_str(literal).unwrap_or(Value::Null)
}

/// A string, often of those that schemas know.
pub fn string(choices: &mut Choices) -> String {
    (*choices.one(&STRINGS)).to_owned()
}

/// Anything, no deeper than `depth`.
pub fn any(choices: &mut Choices, depth: usize) -> Value {
    match choices.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => choices.percent(50).into(),
        2 => number(choices),
        3 | 4 => string(choices).into(),
        5 => (0..choices.below(4)).map(|_| any(choices, depth - 1)).collect(),
        _ => {
            let members = (0..choices.below(4)).map(|_| ((*choices.one(&NAMES)).to_owned(), any(choices, depth - 1)));
            Value::Object(members.collect())
        }
    }
}

/// Properties as an object.
pub(crate) fn object(members: Vec<(&str, Value)>) -> Value {
    let mut object = json!({});
    for (name, value) in members {
        object[name] = value;
    }
    object
}
