//! Rules for strings, numbers and the formats that have a type of their own.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::decoder::Decoder;
use crate::limits::{Float, Integer, Range, Text};
use values::Number;
use values::Value;
use values::{format, name};

impl Decoder {
    /// A string.
    pub fn string(&mut self, value: Value<'_>, rule: &Text<'_>) -> Option<String> {
        let (Value::String(text) | Value::Text(text)) = value else { return self.wrong_type("a string", &value) };
        let text = if rule.name {
            // As it was sent: what is around a name is not free.
            self.keeps_text(&text, &Text::ANY.max(rule.max))?;
            Cow::Owned(name::trim(&text).to_owned())
        } else {
            text
        };
        self.keeps_text(&text, rule)?;
        Some(text.into_owned())
    }

    /// An integer, `i32` or `i64`; also one that is written with a fraction of zeros or an exponent.
    pub fn integer<T: TryFrom<i64>>(&mut self, value: Value<'_>, rule: &Integer) -> Option<T> {
        let number = match &value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => format::integer(text),
            _ => None,
        };
        let number = number.filter(|number| number.is_integer());
        let Some(number) = number else { return self.wrong_type("an integer", &value) };
        let (least, most) = (Number::Integer(rule.ends.0), Number::Integer(rule.ends.1));
        let (min, max) = (rule.range.min.unwrap_or(least), rule.range.max.unwrap_or(most));
        self.keeps_range(&number, &Range { min: Some(min), max: Some(max), ..rule.range })?;
        match number.as_i64().and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            // A limit of the document that is wider than the type.
            None => self.keeps_range(&number, &Range { min: Some(least), max: Some(most), ..Range::ANY }).and(None),
        }
    }

    /// A number; limits and `multipleOf` are validated on its exact value, and it is yielded as the nearest double.
    pub fn number(&mut self, value: Value<'_>, rule: &Float) -> Option<f64> {
        let number = match &value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => Number::parse(text),
            _ => None,
        };
        let Some(number) = number else { return self.wrong_type("a number", &value) };
        self.keeps_range(&number, &rule.range)?;
        Some(number.as_f64())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: Value<'_>) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(value),
            Value::Text(text) if text == "true" => Some(true),
            Value::Text(text) if text == "false" => Some(false),
            other => self.wrong_type("true or false", &other),
        }
    }

    /// `format: uuid`
    pub fn uuid(&mut self, value: Value<'_>) -> Option<Uuid> {
        let text = self.string(value, &Text::ANY)?;
        match Uuid::try_parse(&text) {
            // The hyphenated form only: RFC 9562, 4.
            Ok(id) if text.len() == 36 => Some(id),
            _ => self.refuse("invalid_format", "Must have the format uuid."),
        }
    }

    /// `format: date`
    pub fn date(&mut self, value: Value<'_>) -> Option<NaiveDate> {
        let text = self.string(value, &Text::ANY)?;
        match format::date(&text) {
            Some(date) => Some(date),
            None => self.refuse("invalid_format", "Must have the format date."),
        }
    }

    /// `format: date-time`; with `x-assume-utc` a time without offset, or a date alone, is read as UTC.
    pub fn date_time(&mut self, value: Value<'_>, assume_utc: bool) -> Option<DateTime<Utc>> {
        let text = self.string(value, &Text::ANY)?;
        match format::date_time(&text, assume_utc) {
            Some(time) => Some(time),
            None => self.refuse("invalid_format", "Must have the format date-time (RFC 3339)."),
        }
    }

    /// One of the listed strings.
    pub fn enumeration<T: Copy>(&mut self, value: Value<'_>, known: &[(&str, T)]) -> Option<T> {
        let (Value::String(text) | Value::Text(text)) = value else { return self.wrong_type("a string", &value) };
        let found = known.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            return self.refuse("not_in_enum", format!("Must be one of: {}.", names.join(", ")));
        }
        found.map(|(_, variant)| *variant)
    }
}
