//! A JSON text, against its schema.

use validation::{Direction, FieldError, SchemaRef, Value};

/// What is wrong with a JSON text; one without a schema must be JSON.
pub(crate) fn fault(schema: Option<&SchemaRef>, text: &[u8]) -> Option<FieldError> {
    let value = match Value::from_json(text) {
        Ok(value) => value,
        Err(error) => return Some(FieldError::body(error.code, "#", error.detail)),
    };
    schema?.violations(&value, Direction::Response).into_iter().next()
}
