//! Decoding and validation in one pass: the rules of JSON Schema as functions that generated code calls.
//!
//! A rule either yields its value or records where and how the document was broken and yields nothing, so that a
//! client learns of all its mistakes at once. Parameters and form fields pass through the same rules as bodies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::format;
use crate::limits::{Bounds, Float, Integer, Items, Text};
use crate::name;
use crate::object::Object;
use crate::problem::{FieldError, Place};
use crate::unique::all_different;
use crate::value::{Number, Value};

/// More violations than this are not reported: the answer to garbage stays small.
const MAX_ERRORS: usize = 32;
/// Member names longer than this are not repeated: a pointer ends above them.
const MAX_NAME: usize = 64;

/// A model that can be decoded; implemented by generated code.
pub trait Decode: Sized {
    /// The model, or nothing when at least one violation was recorded in `at`.
    fn decode(value: Value<'_>, at: &mut Decoder) -> Option<Self>;
}

/// The rows of a body, good and bad.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// Good rows, each with its index in the body.
    pub accepted: Vec<(usize, T)>,
    /// What is wrong with the others; pointers begin with the row's index.
    pub refused: Vec<FieldError>,
}

pub(crate) enum Step {
    Name(&'static str),
    Member(String),
    Index(usize),
}

/// Where decoding stands, and what was found wrong so far.
pub struct Decoder {
    place: Place,
    path: Vec<Step>,
    errors: Vec<FieldError>,
}

impl Decoder {
    /// A decoder at the root of a part of the request.
    pub fn new(place: Place) -> Self {
        Self { place, path: Vec::new(), errors: Vec::new() }
    }

    /// What was found wrong.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// Goes to the root of another part of the request.
    pub(crate) fn enter(&mut self, place: Place) {
        self.place = place;
        self.path.clear();
    }

    /// Runs a rule one step down.
    pub(crate) fn named<T>(&mut self, name: &'static str, rule: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Name(name), rule)
    }

    pub(crate) fn within<T>(&mut self, step: Step, rule: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = rule(self);
        self.path.pop();
        result
    }

    /// Records a violation here.
    pub fn refuse<T>(&mut self, code: &'static str, detail: impl Into<String>) -> Option<T> {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(match self.place {
                Place::Body => FieldError::body(code, self.pointer(), detail),
                place => FieldError::parameter(code, place, self.parameter(), detail),
            });
        }
        None
    }

    /// The name of the parameter; where in a list it is wrong is not told.
    fn parameter(&self) -> Option<Cow<'static, str>> {
        match self.path.first()? {
            Step::Name(name) => Some(Cow::Borrowed(name)),
            Step::Member(name) => (name.len() <= MAX_NAME).then(|| Cow::Owned(name.clone())),
            Step::Index(_) => None,
        }
    }

    /// The place as a JSON pointer in a URI fragment (RFC 6901, 6).
    fn pointer(&self) -> String {
        use std::fmt::Write as _;
        let mut pointer = String::from("#");
        for step in &self.path {
            let _ = match step {
                Step::Index(index) => write!(pointer, "/{index}"),
                Step::Name(name) => write!(pointer, "/{}", escape(name)),
                Step::Member(name) if name.len() <= MAX_NAME => write!(pointer, "/{}", escape(name)),
                // What is below is told as if it were here.
                Step::Member(_) => break,
            };
        }
        pointer
    }

    fn wrong_type<T>(&mut self, wanted: &str, found: &Value<'_>) -> Option<T> {
        match found {
            Value::Null => self.refuse("null_not_allowed", format!("Must be {wanted}, not null.")),
            Value::Repeated(_) => self.refuse("duplicate", "Must be given once."),
            _ => self.refuse("wrong_type", format!("Must be {wanted}.")),
        }
    }

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
            return self.refuse("pattern_mismatch", "Must match the pattern of the API document.");
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

    /// `nullable: true`
    pub fn nullable<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: impl FnOnce(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if matches!(value, Value::Null) { Some(None) } else { rule(value, self).map(Some) }
    }

    /// An array.
    pub fn array<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Items,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = match value {
            Value::Array(items) | Value::Repeated(items) => items,
            Value::Text(_) => vec![value],
            _ => return self.wrong_type("an array", &value),
        };
        if items.len() < rule.min {
            return self.refuse("too_few_items", format!("Must have at least {} items.", rule.min));
        }
        if items.len() > rule.max {
            return self.refuse("too_many_items", format!("Must have at most {} items.", rule.max));
        }
        if rule.unique && !all_different(&items) {
            return self.refuse("duplicate_items", "Must not have the same item twice.");
        }
        let wanted = items.len();
        let mut decoded = Vec::with_capacity(wanted);
        for (index, value) in items.into_iter().enumerate() {
            decoded.extend(self.within(Step::Index(index), |at| item(value, at)));
        }
        (decoded.len() == wanted).then_some(decoded)
    }

    /// An array whose items stand for themselves (`x-row-errors: collect`): a bad one does not refuse its neighbours,
    /// unless there is no good one.
    pub fn rows<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Items,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Rows<T>> {
        let before = self.errors.len();
        let mut rows = Rows { accepted: Vec::new(), refused: Vec::new() };
        let mut index = 0;
        self.array(value, rule, |value, at| {
            let kept = at.errors.len();
            match item(value, at) {
                Some(row) if at.errors.len() == kept => rows.accepted.push((index, row)),
                _ => rows.refused.extend(at.errors.drain(kept..)),
            }
            index += 1;
            Some(())
        })?;
        if rows.accepted.is_empty() {
            // Nothing to keep: then it is the whole body that is refused.
            self.errors.extend(rows.refused.drain(..).take(MAX_ERRORS));
        }
        (self.errors.len() == before).then_some(rows)
    }

    /// An object whose member names are not known beforehand (`additionalProperties: {...}`).
    pub fn map<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Bounds,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let members = self.object(value, rule)?.members;
        let wanted = members.len();
        let mut decoded = BTreeMap::new();
        for (name, value) in members {
            let item = self.within(Step::Member(name.to_string()), |at| item(value, at));
            decoded.extend(item.map(|item| (name.into_owned(), item)));
        }
        (decoded.len() == wanted).then_some(decoded)
    }

    /// Anything; only for members the document leaves open.
    pub fn any(&mut self, value: Value<'_>) -> Option<serde_json::Value> {
        Some(match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => value.into(),
            Value::Number(Number::Integer(number)) => number.into(),
            Value::Number(Number::Unsigned(number)) => number.into(),
            Value::Number(Number::Float(number)) => number.into(),
            Value::String(text) | Value::Text(text) => text.into_owned().into(),
            Value::Array(items) | Value::Repeated(items) => {
                items.into_iter().filter_map(|item| self.any(item)).collect()
            }
            Value::Object(members) => members
                .into_iter()
                .filter_map(|(name, value)| Some((name.into_owned(), self.any(value)?)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        })
    }

    /// An object whose members are known beforehand; finish with [`Object::close`] unless the document leaves it open.
    pub fn object<'v>(&mut self, value: Value<'v>, rule: &Bounds) -> Option<Object<'v>> {
        let Value::Object(members) = value else { return self.wrong_type("an object", &value) };
        if members.len() < rule.min {
            return self.refuse("too_few_members", format!("Must have at least {} members.", rule.min));
        }
        if members.len() > rule.max {
            return self.refuse("too_many_members", format!("Must have at most {} members.", rule.max));
        }
        Some(Object { members })
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

fn escape(name: &str) -> Cow<'_, str> {
    // RFC 6901, 6: the pointer's own escapes first, then those of a URI fragment.
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Cow::Borrowed(name);
    }
    let pointer = name.replace('~', "~0").replace('/', "~1");
    let escaped = percent_encoding::utf8_percent_encode(&pointer, format::FRAGMENT).to_string();
    Cow::Owned(escaped)
}
