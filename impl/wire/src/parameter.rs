//! What a document says of a parameter, apart from its schema (OpenAPI 3.0.4 and 3.1.1, "Parameter Object").

use validation::{Place, Value};

/// A parameter, or a field of a form: its name, where it is, and how it is spelt. Built as a constant by generated code.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) shape: Shape,
    pub(crate) allow_empty: bool,
    pub(crate) or_single: bool,
}

/// `style`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

/// What its schema is, as far as the spelling depends on it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Scalar,
    Array,
    /// Of no single type: more than one value is an array.
    Any,
    Object {
        names: &'static [&'static str],
        open: bool,
    },
    /// `content: application/json`
    Json,
}

impl Parameter {
    const fn new(name: &'static str, place: Place, style: Style) -> Self {
        let explode = matches!(style, Style::Form);
        Self { name, place, style, explode, shape: Shape::Scalar, allow_empty: false, or_single: false }
    }

    /// `in: path`, in the style `simple`.
    pub const fn path(name: &'static str) -> Self {
        Self::new(name, Place::Path, Style::Simple)
    }

    /// `in: query`, or a field of a form: in the style `form`, exploded.
    pub const fn query(name: &'static str) -> Self {
        Self::new(name, Place::Query, Style::Form)
    }

    /// `in: header`, in the style `simple`.
    pub const fn header(name: &'static str) -> Self {
        Self::new(name, Place::Header, Style::Simple)
    }

    /// `in: cookie`, in the style `form`, exploded.
    pub const fn cookie(name: &'static str) -> Self {
        Self::new(name, Place::Cookie, Style::Form)
    }

    /// Of an array.
    pub const fn array(self) -> Self {
        Self { shape: Shape::Array, ..self }
    }

    /// Of an object with these properties.
    pub const fn object(self, names: &'static [&'static str]) -> Self {
        Self { shape: Shape::Object { names, open: false }, ..self }
    }

    /// Of an object that may have other properties, too. An exploded one takes whatever no other parameter has taken before: it is read
    /// last.
    pub const fn open(self) -> Self {
        let names = match self.shape {
            Shape::Object { names, .. } => names,
            _ => &[],
        };
        Self { shape: Shape::Object { names, open: true }, ..self }
    }

    /// Or, under its own name, of another type: where that is given, it is read as of [no single type](Self::any).
    pub const fn or_single(self) -> Self {
        Self { or_single: true, ..self }
    }

    /// Of no single type: given once it is a text, given several times an array.
    pub const fn any(self) -> Self {
        Self { shape: Shape::Any, ..self }
    }

    /// `content: application/json`
    pub const fn json(self) -> Self {
        Self { shape: Shape::Json, ..self }
    }

    /// `style: label`
    pub const fn label(self) -> Self {
        Self { style: Style::Label, ..self }
    }

    /// `style: matrix`
    pub const fn matrix(self) -> Self {
        Self { style: Style::Matrix, ..self }
    }

    /// `style: spaceDelimited`; by itself as exploded as its place.
    pub const fn space_delimited(self) -> Self {
        Self { style: Style::SpaceDelimited, ..self }
    }

    /// `style: pipeDelimited`; by itself as exploded as its place.
    pub const fn pipe_delimited(self) -> Self {
        Self { style: Style::PipeDelimited, ..self }
    }

    /// `style: deepObject`
    pub const fn deep_object(self) -> Self {
        Self { style: Style::DeepObject, ..self }
    }

    /// `explode`, where it is not what the place has by default: in query and cookies it is.
    pub const fn exploded(self, explode: bool) -> Self {
        Self { explode, ..self }
    }

    /// `allowEmptyValue`: an empty value counts as none, that of an array or object as an empty one.
    pub const fn allow_empty(self) -> Self {
        Self { allow_empty: true, ..self }
    }

    /// Whether a value counts as none.
    pub fn is_omitted(&self, value: &Value<'_>) -> bool {
        self.allow_empty && matches!(value, Value::Text(text) if text.is_empty())
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is.
    pub const fn place(&self) -> Place {
        self.place
    }
}
