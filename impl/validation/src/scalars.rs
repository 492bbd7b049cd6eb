//! Rules for strings, numbers and the formats that have a type of their own.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::decoder::Decoder;
use crate::limits::{Float, Integer, Text};
use crate::value::{Number, Value};
use crate::{format, name};

impl Decoder {
    /// A string.
    pub fn string(&mut self, value: Value<'_>, rule: &Text) -> Option<String> {
        let (Value::String(text) | Value::Text(text)) = value else { return self.wrong_type("a string", &value) };
        // Bytes bound code points from above and, divided by four, from below: count only when it matters.
        if text.len() > rule.max && text.chars().count() > rule.max {
            return self.refuse("too_long", format!("Must have at most {} characters.", rule.max));
        }
        let text = if rule.name { Cow::Owned(name::trim(&text).to_owned()) } else { text };
        if text.len() < rule.min.saturating_mul(4) && text.chars().count() < rule.min {
            return self.refuse("too_short", format!("Must have at least {} characters.", rule.min));
        }
        if rule.pattern.is_some_and(|pattern| !pattern.matches(&text)) {
            return self.refuse("pattern_mismatch", "Must match the pattern of the API specification.");
        }
        if !format::holds(rule.format, &text) {
            return self.refuse("invalid_format", format!("Must have the format {}.", rule.format));
        }
        Some(text.into_owned())
    }

    /// An integer, `i32` or `i64`.
    pub fn integer<T: TryFrom<i64>>(&mut self, value: Value<'_>, rule: &Integer) -> Option<T> {
        // Wider than any rule, so that what does not fit 64 bits breaks a limit and not the type.
        let number = match &value {
            Value::Number(Number::Integer(number)) => Some(i128::from(*number)),
            Value::Number(Number::Unsigned(number)) => Some(i128::from(*number)),
            Value::Number(Number::Float(number)) => integral(*number),
            Value::Text(text) => format::integer(text),
            _ => None,
        };
        let Some(number) = number else { return self.wrong_type("an integer", &value) };
        if number < i128::from(rule.min) || (rule.above_min && number == i128::from(rule.min)) {
            let than = if rule.above_min { "greater than" } else { "at least" };
            return self.refuse("too_small", format!("Must be {than} {}.", rule.min));
        }
        let fits =
            i64::try_from(number).ok().filter(|number| *number < rule.max || (*number == rule.max && !rule.below_max));
        let Some((number, fitting)) = fits.and_then(|number| Some((number, T::try_from(number).ok()?))) else {
            let than = if rule.below_max { "less than" } else { "at most" };
            return self.refuse("too_large", format!("Must be {than} {}.", rule.max));
        };
        if number % rule.step != 0 {
            return self.refuse("not_a_multiple", format!("Must be a multiple of {}.", rule.step));
        }
        Some(fitting)
    }

    /// A number.
    pub fn number(&mut self, value: Value<'_>, rule: &Float) -> Option<f64> {
        let number = match value {
            Value::Number(number) => Some(number.as_f64()),
            Value::Text(ref text) if format::is_json_number(text) => text.parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        };
        let Some(number) = number else { return self.wrong_type("a number", &value) };
        if number < rule.min || (rule.above_min && number <= rule.min) {
            let than = if rule.above_min { "greater than" } else { "at least" };
            return self.refuse("too_small", format!("Must be {than} {}.", rule.min));
        }
        if number > rule.max || (rule.below_max && number >= rule.max) {
            let than = if rule.below_max { "less than" } else { "at most" };
            return self.refuse("too_large", format!("Must be {than} {}.", rule.max));
        }
        if rule.step > 0.0 && !is_multiple(number, rule.step) {
            return self.refuse("not_a_multiple", format!("Must be a multiple of {}.", rule.step));
        }
        Some(number)
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

/// JSON Schema counts 1.0 as an integer. At and beyond the ends of 64 bits a double may stand for another integer.
fn integral(number: f64) -> Option<i128> {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    match number {
        _ if number.fract() != 0.0 => None,
        _ if number <= -EDGE => Some(i128::MIN),
        _ if number >= EDGE => Some(i128::MAX),
        _ => Some(number as i128),
    }
}

/// Whether a quotient is whole, within the error of a division of doubles.
fn is_multiple(number: f64, step: f64) -> bool {
    let quotient = number / step;
    (quotient - quotient.round()).abs() <= quotient.abs().max(1.0) * f64::EPSILON * 4.0
}
