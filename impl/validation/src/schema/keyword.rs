//! The values that keywords may have, and those keywords that have no schemas.

use std::borrow::Cow;

use super::model::{Schema, Types};
use crate::limits::Range;
use values::Number;
use values::Pattern;
use values::Value;

/// One keyword of a schema.
#[derive(Clone, Copy)]
pub(super) struct Keyword<'k, 'd> {
    /// Of its schema.
    pub pointer: &'k str,
    pub name: &'d str,
    pub value: &'d Value<'static>,
}

type Names = Vec<Cow<'static, str>>;

impl<'d> Keyword<'_, 'd> {
    pub fn must<T>(self, what: &str) -> Result<T, String> {
        Err(format!("#{}/{}: must {what}", self.pointer, self.name))
    }

    pub fn string(self) -> Result<&'d str, String> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => self.must("be a string"),
        }
    }

    pub fn text(self) -> Result<Cow<'static, str>, String> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            _ => self.must("be a string"),
        }
    }

    pub fn boolean(self) -> Result<bool, String> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => self.must("be true or false"),
        }
    }

    pub fn number(self) -> Result<Number<'static>, String> {
        match self.value {
            Value::Number(number) => Ok(*number),
            _ => self.must("be a number"),
        }
    }

    pub fn step(self) -> Result<Number<'static>, String> {
        match self.number()? {
            step if step.is_step() => Ok(step),
            _ => self.must("be a number above 0 of at most 18 digits"),
        }
    }

    pub fn count(self) -> Result<u64, String> {
        match self.number().ok().and_then(|number| number.as_count()) {
            Some(count) => Ok(count),
            None => self.must("be an integer of at least 0"),
        }
    }

    pub fn pattern(self) -> Result<Pattern, String> {
        self.pattern_of(self.string()?)
    }

    /// That of a property's name.
    pub fn pattern_of(self, source: &str) -> Result<Pattern, String> {
        Pattern::owned(source.to_owned())
            .or_else(|reason| self.must(&format!("have other patterns: {source:?} {reason}")))
    }

    pub fn list(self) -> Result<&'d [Value<'static>], String> {
        match self.value {
            Value::Array(items) => Ok(items),
            _ => self.must("be an array"),
        }
    }

    pub fn members(self) -> Result<&'d [(Cow<'static, str>, Value<'static>)], String> {
        match self.value {
            Value::Object(members) => Ok(members),
            _ => self.must("be an object"),
        }
    }

    pub fn names(self) -> Result<Names, String> {
        let name = |item: &Value<'static>| match item {
            Value::String(name) => Ok(name.clone()),
            _ => self.must("be an array of strings"),
        };
        self.list()?.iter().map(name).collect()
    }

    /// The object of `dependentRequired`.
    pub fn dependent_names(self) -> Result<Vec<(Cow<'static, str>, Names)>, String> {
        let names = |(name, value): &'d (Cow<'static, str>, Value<'static>)| {
            Ok((name.clone(), Keyword { pointer: self.pointer, name: self.name, value }.names()?))
        };
        self.members()?.iter().map(names).collect()
    }

    /// The name of a type, or an array of names.
    pub fn types(self) -> Result<Types, String> {
        let names = match self.value {
            Value::Array(_) => self.names()?,
            _ => vec![self.text()?],
        };
        names.iter().try_fold(Types::NONE, |types, name| match Types::named(name) {
            Some(named) => Ok(types.or(named)),
            None => self.must("be types of JSON Schema"),
        })
    }

    /// A keyword about the value itself; whether it is one. `keywords` is the schema that has it; `old` is draft 4, where exclusive limits are not limits themselves.
    pub fn assertion(self, schema: &mut Schema, keywords: &Value<'static>, old: bool) -> Result<bool, String> {
        let set = |name| matches!(keywords.member(name), Some(Value::Bool(true)));
        match self.name {
            "type" => {
                let nullable = old && set("nullable");
                schema.types = self.types()?.or(if nullable { Types::NULL } else { Types::NONE });
            }
            "enum" => schema.choices.push(self.list()?.to_vec()),
            "const" if !old => schema.choices.push(vec![self.value.clone()]),
            "multipleOf" => schema.range.step = Some(self.step()?),
            "minimum" if old && set("exclusiveMinimum") => schema.range.above = Some(self.number()?),
            "maximum" if old && set("exclusiveMaximum") => schema.range.below = Some(self.number()?),
            "exclusiveMinimum" | "exclusiveMaximum" if old => drop(self.boolean()?),
            "minimum" => schema.range.min = Some(self.number()?),
            "maximum" => schema.range.max = Some(self.number()?),
            "exclusiveMinimum" => schema.range.above = Some(self.number()?),
            "exclusiveMaximum" => schema.range.below = Some(self.number()?),
            "minLength" => schema.text.min = self.count()?,
            "maxLength" => schema.text.max = Some(self.count()?),
            "pattern" => schema.text.pattern = Some(self.pattern()?),
            "format" => match self.string()? {
                "int32" => schema.width = Some(width(i64::from(i32::MIN), i64::from(i32::MAX))),
                "int64" => schema.width = Some(width(i64::MIN, i64::MAX)),
                _ => schema.text.format = self.text()?,
            },
            "x-text" => schema.text.name = matches!(self.value, Value::String(kind) if kind == "name"),
            "x-assume-utc" => schema.text.assume_utc = matches!(self.value, Value::Bool(true)),
            "minItems" => schema.items.min = self.count()?,
            "maxItems" => schema.items.max = self.count()?,
            "uniqueItems" => schema.items.unique = self.boolean()?,
            "minProperties" => schema.bounds.min = self.count()?,
            "maxProperties" => schema.bounds.max = self.count()?,
            "required" => schema.required = self.names()?,
            "readOnly" => schema.read_only = matches!(self.value, Value::Bool(true)),
            "writeOnly" => schema.write_only = matches!(self.value, Value::Bool(true)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn width(min: i64, max: i64) -> Range<'static> {
    Range { min: Some(Number::Integer(min)), max: Some(Number::Integer(max)), ..Range::ANY }
}
