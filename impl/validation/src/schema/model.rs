//! Schemas as they are evaluated: the keywords of one schema, and all schemas of a document by number.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::decoder::Decoder;
use crate::limits::{Bounds, Items, Range, Text};
use values::Pattern;
use values::Value;
use values::name;

/// Which way a value goes: `readOnly` and `writeOnly` depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a client: `readOnly` properties need not be there.
    Request,
    /// To a client: `writeOnly` properties must not be there.
    Response,
}

/// The number of a schema within its document.
pub(super) type Id = usize;

/// All schemas that a document has or refers to.
#[derive(Default)]
pub(super) struct Compiled {
    pub schemas: Vec<Schema>,
    /// By JSON pointer.
    pub places: HashMap<String, Id>,
    /// By resource (`$id`), its `$dynamicAnchor`s: number of the name, and schema. Without those that only one resource has.
    pub dynamic: HashMap<usize, Vec<(usize, Id)>>,
}

/// One schema of a document. What is absent restricts nothing.
#[derive(Default)]
pub struct Schema {
    pub(super) pointer: String,
    pub(super) resource: usize,
    /// `false`
    pub(super) never: bool,
    /// House rules: null is valid whatever stands beside `nullable: true`.
    pub(super) null: bool,
    pub(super) types: Types,
    /// The types that a valid value can have, with all that is in place here.
    pub(super) admits: Types,
    /// `enum` and `const`: a value is in each list.
    pub(super) choices: Vec<Vec<Value<'static>>>,
    pub(super) range: Range<'static>,
    /// `format: int32`, `int64`
    pub(super) width: Option<Range<'static>>,
    pub(super) text: TextRules,
    pub(super) items: Items,
    pub(super) bounds: Bounds,
    pub(super) prefix: Vec<Id>,
    pub(super) rest: Option<Id>,
    pub(super) contains: Option<Id>,
    pub(super) min_contains: Option<u64>,
    pub(super) max_contains: Option<u64>,
    pub(super) properties: HashMap<Cow<'static, str>, Id>,
    pub(super) patterns: Vec<(Pattern, Id)>,
    pub(super) additional: Option<Id>,
    pub(super) names: Option<Id>,
    pub(super) required: Vec<Cow<'static, str>>,
    pub(super) dependent_required: Vec<(Cow<'static, str>, Vec<Cow<'static, str>>)>,
    pub(super) dependent_schemas: Vec<(Cow<'static, str>, Id)>,
    pub(super) unevaluated_items: Option<Id>,
    pub(super) unevaluated_properties: Option<Id>,
    pub(super) reference: Option<Id>,
    /// Where `$dynamicRef` leads if the dynamic scope has no such name, and the number of the name.
    pub(super) dynamic_reference: Option<(Id, Option<usize>)>,
    pub(super) all: Vec<Id>,
    pub(super) any: Vec<Id>,
    pub(super) one: Vec<Id>,
    pub(super) not: Option<Id>,
    pub(super) condition: Option<Id>,
    pub(super) then: Option<Id>,
    pub(super) otherwise: Option<Id>,
    pub(super) discriminator: Option<Discriminator>,
    pub(super) read_only: bool,
    pub(super) write_only: bool,
    /// Whether references lead here.
    pub(super) shared: bool,
    /// Whether it holds a value by holding the same value, which then says nothing more.
    pub(super) circular: bool,
    /// Whether something within a value may be held against one schema several times: by different ways from here.
    pub(super) branches: bool,
}

/// `discriminator`: a hint which branch of a union is meant.
pub(super) struct Discriminator {
    pub property: Cow<'static, str>,
    /// From values to the pointers of schemas.
    pub mapping: Vec<(Cow<'static, str>, String)>,
}

/// [`Text`] with a pattern of its own.
#[derive(Default)]
pub(super) struct TextRules {
    pub min: u64,
    pub max: Option<u64>,
    pub pattern: Option<Pattern>,
    pub format: Cow<'static, str>,
    /// `x-text: name`
    pub name: bool,
    /// `x-assume-utc`
    pub assume_utc: bool,
}

impl TextRules {
    /// Whether a string keeps them.
    pub fn keeps(&self, text: &str, at: &mut Decoder) -> Option<()> {
        let max = self.max.unwrap_or(u64::MAX);
        let (text, format) = if self.name {
            at.keeps_text(text, &Text { max, ..Text::ANY })?;
            (name::trim(text), &*self.format)
        } else if self.assume_utc && values::format::date_time(text, true).is_some() {
            (text, "")
        } else {
            (text, &*self.format)
        };
        at.keeps_text(text, &Text { min: self.min, max, pattern: self.pattern.as_ref(), format, ..Text::ANY })
    }
}

/// A set of types. Integers and other numbers are two: 1.0 is an integer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

impl Types {
    pub const NONE: Self = Self(0);
    pub const NULL: Self = Self(1);
    pub const INTEGER: Self = Self(4);
    pub const NUMBER: Self = Self(4 + 8);
    pub const STRING: Self = Self(16);
    pub const ALL: Self = Self(127);

    /// By the name that `type` has for it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self(2),
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self(32),
            "object" => Self(64),
            _ => return None,
        })
    }

    /// That of a value.
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self(2),
            Value::Number(number) if number.is_integer() => Self::INTEGER,
            Value::Number(_) => Self(8),
            Value::String(_) | Value::Text(_) => Self::STRING,
            Value::Array(_) | Value::Repeated(_) => Self(32),
            Value::Object(_) => Self(64),
        }
    }

    /// Whether a value has one of them.
    pub fn admit(self, value: &Value<'_>) -> bool {
        match value {
            // What kind of number it is takes longer to find out.
            Value::Number(_) if self.and(Self::NUMBER) == Self::NUMBER => true,
            Value::Number(_) if !self.meets(Self::NUMBER) => false,
            value => self.meets(Self::of(value)),
        }
    }

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn meets(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// In words, for "Must be ...".
    pub fn words(self) -> String {
        let known = [
            (Self(64), "an object"),
            (Self(32), "an array"),
            (Self::STRING, "a string"),
            (Self::NUMBER, "a number"),
            (Self::INTEGER, "an integer"),
            (Self(2), "true or false"),
            (Self::NULL, "null"),
        ];
        let number = self.and(Self::NUMBER) == Self::NUMBER;
        let words: Vec<_> = known
            .into_iter()
            .filter(|(kind, _)| self.and(*kind) == *kind && !(number && *kind == Self::INTEGER))
            .map(|(_, words)| words)
            .collect();
        words.join(" or ")
    }
}

impl Schema {
    /// Whether there are several ways from here into the value.
    pub(super) fn has_branches(&self) -> bool {
        let members = !self.properties.is_empty() || !self.patterns.is_empty() || self.additional.is_some();
        let items = !self.prefix.is_empty() || self.rest.is_some();
        let unevaluated = self.unevaluated_items.is_some() || self.unevaluated_properties.is_some();
        let ways = self.in_place().count()
            + usize::from(members || items || unevaluated)
            + usize::from(self.contains.is_some());
        ways > 1 || !self.patterns.is_empty()
    }

    /// Those schemas that the same value is held against.
    pub(super) fn in_place(&self) -> impl Iterator<Item = Id> {
        let single = [self.reference, self.not, self.condition, self.then, self.otherwise];
        let lists = [&self.all, &self.any, &self.one].into_iter().flatten().copied();
        single
            .into_iter()
            .flatten()
            .chain(self.dynamic_reference.iter().map(|(id, _)| *id))
            .chain(lists)
            .chain(self.dependent_schemas.iter().map(|(_, id)| *id))
    }
}

impl Compiled {
    /// The schemas that hold a value together with `from`: those in place there, and so on.
    pub fn closure(&self, from: Id, through: impl Fn(&Schema) -> Vec<Id>) -> Vec<Id> {
        let (mut seen, mut found, mut next) = (HashSet::from([from]), vec![from], 0);
        while let Some(id) = found.get(next).copied() {
            next += 1;
            found.extend(through(&self.schemas[id]).into_iter().filter(|id| seen.insert(*id)));
        }
        found
    }
}
