//! Kinds of JSON values, for unions whose branches differ in that.

use values::Number;
use values::Value;

/// A kind of JSON value (JSON Schema, 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction, `1.0` among them.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The first of `kinds` that a value has: its index. A parameter's text has the narrowest one whose spelling it has.
    pub fn among(value: &Value<'_>, kinds: &[Self]) -> Option<usize> {
        let all: &[Self] = match value {
            Value::Bool(_) => &[Self::Boolean],
            Value::Number(number) if number.is_integer() => &[Self::Integer, Self::Number],
            Value::Number(_) => &[Self::Number],
            Value::String(_) => &[Self::String],
            Value::Array(_) | Value::Repeated(_) => &[Self::Array],
            Value::Object(_) => &[Self::Object],
            Value::Null => &[],
            Value::Text(text) => return Self::of_text(text, kinds),
        };
        kinds.iter().position(|kind| all.contains(kind))
    }

    fn of_text(text: &str, kinds: &[Self]) -> Option<usize> {
        let number = Number::parse(text);
        let spelt = |kind: &Self| match kind {
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Integer => number.is_some_and(|number| number.is_integer()),
            Self::Number => number.is_some(),
            Self::String | Self::Array => true,
            Self::Object => false,
        };
        let narrow = [Self::Boolean, Self::Integer, Self::Number, Self::String, Self::Array];
        narrow.iter().filter(|kind| spelt(kind)).find_map(|kind| kinds.iter().position(|one| one == kind))
    }
}
