//! A body or an element of a stream, against its schema.

use validation::{Direction, FieldError, SchemaRef, Value};

/// Arrays and objects within each other: what a request may have (`x-body-depth`), and what a handler may put around it.
const MAX_LEVELS: usize = 500;

/// What is wrong with a JSON text; one without a schema must be JSON.
pub(crate) fn json(schema: Option<&SchemaRef>, text: &[u8]) -> Option<FieldError> {
    let value = match Value::from_json_within(text, MAX_LEVELS) {
        Ok(value) => value,
        Err(error) => return Some(FieldError::body(error.code, "#", error.detail)),
    };
    schema?.violations(&value, Direction::Response).into_iter().next()
}

/// What is wrong with a text.
pub(crate) fn text(schema: &SchemaRef, bytes: &[u8]) -> Option<FieldError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some(FieldError::body("invalid_encoding", "#", "Must be valid UTF-8."));
    };
    schema.violations(&Value::Text(text.into()), Direction::Response).into_iter().next()
}
