//! Where decoding stands, and what was found wrong.
//!
//! A rule either yields its value or records where and how the document was broken and yields nothing, so that a
//! client learns of all its mistakes at once. Parameters and form fields pass through the same rules as bodies.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS};
use values::{Number, Value};

use crate::field_error::{FieldError, Place};

/// What a URI fragment cannot hold as it is (RFC 3986, 3.5).
const FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// More violations than this are not reported: the error response stays small.
pub(crate) const MAX_ERRORS: usize = 32;
/// Member names longer than this are not repeated: a pointer ends above them.
const MAX_NAME: usize = 64;

/// A model that can be decoded; implemented by generated code.
pub trait Decode: Sized {
    /// The model, or nothing when at least one violation was recorded in `at`.
    fn decode(value: Value<'_>, at: &mut Decoder) -> Option<Self>;
}

impl<T: Decode> Decode for Box<T> {
    fn decode(value: Value<'_>, at: &mut Decoder) -> Option<Self> {
        T::decode(value, at).map(Self::new)
    }
}

/// A step down into what is decoded.
pub enum Step {
    /// A field or parameter that the document names.
    Name(&'static str),
    /// A field that the client has named.
    Member(String),
    /// An item of an array.
    Index(usize),
}

/// Where decoding stands, and what was found wrong so far.
pub struct Decoder {
    place: Place,
    path: Vec<Step>,
    pub(crate) errors: Vec<FieldError>,
    /// Whether what is decoded has been validated as a whole.
    pub(crate) checked: bool,
}

impl Decoder {
    /// A decoder at the root of a part of the request.
    pub fn new(place: Place) -> Self {
        Self { place, path: Vec::new(), errors: Vec::new(), checked: false }
    }

    /// What was found wrong.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// Goes to the root of another part of the request.
    pub fn enter(&mut self, place: Place) {
        self.place = place;
        self.path.clear();
    }

    /// Runs a rule one step down.
    pub fn named<T>(&mut self, name: &'static str, rule: impl FnOnce(&mut Self) -> T) -> T {
        self.within(Step::Name(name), rule)
    }

    /// As [`Decoder::named`], for any step.
    pub fn within<T>(&mut self, step: Step, rule: impl FnOnce(&mut Self) -> T) -> T {
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

    pub(crate) fn wrong_type<T>(&mut self, wanted: &str, found: &Value<'_>) -> Option<T> {
        match found {
            Value::Null => self.refuse("null_not_allowed", format!("Must be {wanted}, not null.")),
            Value::Repeated(_) => self.refuse("duplicate", "Must be given exactly once."),
            _ => self.refuse("wrong_type", format!("Must be {wanted}.")),
        }
    }

    /// Anything; for what the document leaves open.
    pub fn any(&mut self, value: Value<'_>) -> Option<serde_json::Value> {
        Some(match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => value.into(),
            Value::Number(Number::Integer(number)) => number.into(),
            Value::Number(Number::Unsigned(number)) => number.into(),
            // What a double does not hold becomes the nearest one.
            Value::Number(number) => number.as_f64().into(),
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
}

fn escape(name: &str) -> Cow<'_, str> {
    // RFC 6901, 6: the pointer's own escapes first, then those of a URI fragment.
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Cow::Borrowed(name);
    }
    let pointer = values::pointer::escape(name);
    let escaped = percent_encoding::utf8_percent_encode(&pointer, FRAGMENT).to_string();
    Cow::Owned(escaped)
}
