//! The interpreted tier: JSON Schema by the document itself, for what generated code does not decode natively.
//!
//! OpenAPI 3.1 has draft 2020-12, all keywords but `$vocabulary`; `format` is an assertion. OpenAPI 3.0 has its own dialect of draft 4.
//! `discriminator` does not change what is valid; unknown keywords and unknown formats restrict nothing.
//!
//! These schemas are not ours, and values are from strangers. A value is never deeper than its parser allows, a schema that is valid
//! by itself is rejected while loading, and one validation ends after a number of steps and levels far above anything normal (`too_complex`).

mod children;
mod compile;
mod evaluate;
mod explain;
mod finish;
mod in_place;
mod keyword;
mod keywords;
mod model;
mod places;
mod resources;

use std::borrow::Cow;
use std::sync::OnceLock;

use self::model::{Compiled, Id, Types};
pub use self::model::{Direction, Schema};
use crate::decoder::Decoder;
use crate::field_error::{FieldError, Place};
use values::{Number, Value};

/// The schemas of one document, compiled when first used.
pub struct Schemas {
    document: &'static str,
    house: bool,
    compiled: OnceLock<Result<Compiled, String>>,
    tree: OnceLock<Result<Value<'static>, String>>,
}

impl Schemas {
    /// The text of an OpenAPI 3.0 or 3.1 document as JSON, without references to other documents.
    pub const fn new(document: &'static str) -> Self {
        Self { document, house: false, compiled: OnceLock::new(), tree: OnceLock::new() }
    }

    /// A document that keeps our own rules: in 3.0 `nullable: true` admits null whatever else the schema says. By the letter, an `allOf` or
    /// `enum` beside it does not.
    pub const fn house(document: &'static str) -> Self {
        Self { document, house: true, compiled: OnceLock::new(), tree: OnceLock::new() }
    }

    /// The document as it is, for those few who look into it.
    pub fn document(&'static self) -> Option<&'static Value<'static>> {
        self.tree().ok()
    }

    fn tree(&self) -> Result<&Value<'static>, &String> {
        let parse = || Value::from_json(self.document.as_bytes()).map_err(|error| format!("#: {}", error.detail));
        self.tree.get_or_init(parse).as_ref()
    }

    fn compiled(&self) -> Result<&Compiled, &String> {
        self.compiled.get_or_init(|| compile::compile(self.tree().map_err(Clone::clone)?, self.house)).as_ref()
    }

    /// Compiles all schemas of the document.
    ///
    /// # Errors
    /// Where a schema is broken, and how: a keyword with a value it cannot have, a reference that leads nowhere or out of the document.
    pub fn load(&self) -> Result<(), String> {
        self.compiled().map(|_| ()).map_err(Clone::clone)
    }

    /// Whether a schema holds a value by holding the same value, which says nothing more here; other validators may not end.
    pub fn is_circular(&self) -> bool {
        self.compiled().is_ok_and(|compiled| compiled.schemas.iter().any(|schema| schema.circular))
    }

    /// The schema at a JSON pointer (RFC 6901), such as `/components/schemas/Pet/properties/name`.
    pub fn at(&'static self, pointer: &str) -> Option<&'static Schema> {
        let compiled = self.compiled().ok()?;
        compiled.places.get(pointer).map(|id| &compiled.schemas[*id])
    }
}

/// The schema at a pointer of a crate's document, looked up once per place it is written in.
#[macro_export]
macro_rules! schema {
    ($schemas:path, $pointer:literal) => {{
        static SCHEMA: $crate::SchemaRef = $crate::SchemaRef::new(&$schemas, $pointer);
        &SCHEMA
    }};
}

/// One schema of a document, looked up when first used.
pub struct SchemaRef {
    schemas: &'static Schemas,
    pointer: Cow<'static, str>,
    found: OnceLock<Option<(&'static Compiled, Id)>>,
}

impl SchemaRef {
    /// The schema at a JSON pointer, as of [`Schemas::at`].
    pub const fn new(schemas: &'static Schemas, pointer: &'static str) -> Self {
        Self { schemas, pointer: Cow::Borrowed(pointer), found: OnceLock::new() }
    }

    /// The schema at a pointer that is known only now.
    pub const fn owned(schemas: &'static Schemas, pointer: String) -> Self {
        Self { schemas, pointer: Cow::Owned(pointer), found: OnceLock::new() }
    }

    fn found(&self) -> Option<(&'static Compiled, Id)> {
        *self.found.get_or_init(|| {
            let compiled = self.schemas.compiled().ok()?;
            compiled.places.get(&*self.pointer).map(|id| (compiled, *id))
        })
    }

    /// Whether values of a type, by the name that `type` has for it, may be valid. A schema that is not there admits none.
    pub fn admits(&self, kind: &str) -> bool {
        let admitted = self.found().map(|(compiled, id)| compiled.schemas[id].admits);
        admitted.zip(Types::named(kind)).is_some_and(|(admitted, kind)| admitted.meets(kind))
    }

    fn check(&self, value: &Value<'_>, direction: Direction, at: Option<&mut Decoder>) -> bool {
        match self.found() {
            Some((compiled, id)) => evaluate::check(compiled, id, value, direction, at),
            None => keywords::refuse(at, "invalid_document", "The API specification has no valid schema for this."),
        }
    }

    /// A text that is valid in one reading only, in that reading. How an integer may be spelt is left to the rule.
    fn read<'v>(&self, value: Value<'v>) -> Value<'v> {
        let Value::Text(text) = value else { return value };
        let valid = |reading: &Value<'_>| self.accepts(reading, Direction::Request);
        let readings: Vec<_> = evaluate::readings(&text, true).filter(valid).collect();
        match *readings {
            [Value::Bool(told)] => Value::Bool(told),
            [Value::Number(Number::Float(told))] if told.fract() != 0.0 => Value::Number(Number::Float(told)),
            [Value::Number(Number::Integer(told))] if told.to_string() == *text => Value::Number(Number::Integer(told)),
            [Value::String(_)] => Value::String(text.clone()),
            // A list of it, where it is nothing else.
            [] => Value::Array(vec![Value::Text(text.clone())]),
            _ => Value::Text(text.clone()),
        }
    }

    /// The whole document that it is part of.
    pub fn document(&self) -> Option<&'static Value<'static>> {
        self.schemas.document()
    }

    /// The schema as the document has it.
    pub fn source(&self) -> Option<&'static Value<'static>> {
        self.document()?.at(&self.pointer)
    }

    /// Whether a value is valid.
    pub fn accepts(&self, value: &Value<'_>, direction: Direction) -> bool {
        self.check(value, direction, None)
    }

    /// How a body breaks the schema; 32 violations at most.
    pub fn violations(&self, value: &Value<'_>, direction: Direction) -> Vec<FieldError> {
        let mut at = Decoder::new(Place::Body);
        self.check(value, direction, Some(&mut at));
        at.into_errors()
    }
}

impl Decoder {
    /// Validates by `schema`, then decodes by `rule`, which need not validate: within it no other `checked` does.
    pub fn checked<'v, T>(
        &mut self,
        value: Value<'v>,
        schema: &'static SchemaRef,
        rule: impl FnOnce(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.checked {
            return rule(value, self);
        }
        if !schema.check(&value, Direction::Request, Some(self)) {
            return None;
        }
        self.checked = true;
        let decoded = rule(schema.read(value), self);
        self.checked = false;
        decoded
    }

    /// Which branch of a union a value is: the index of the first whose schema accepts it.
    pub fn branch(&self, value: &Value<'_>, branches: &[&'static SchemaRef]) -> Option<usize> {
        branches.iter().position(|branch| branch.accepts(value, Direction::Request))
    }
}
