//! A body or an element of a stream, against its schema.

use validation::{Direction, FieldError, SchemaRef, Value};

use crate::table::{Kind, Media};
use crate::{elements, json};

/// What is wrong with a whole body.
pub(crate) fn fault(media: &Media, bytes: &[u8]) -> Option<FieldError> {
    match media.kind {
        Kind::Json => json::fault(media.schema.as_ref(), bytes),
        Kind::Rows | Kind::Events => elements::fault(media, bytes),
        Kind::Text => text(media.schema.as_ref()?, bytes),
        Kind::Bytes => None,
    }
}

fn text(schema: &SchemaRef, bytes: &[u8]) -> Option<FieldError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Some(FieldError::body("invalid_encoding", "#", "Must be valid UTF-8."));
    };
    schema.violations(&Value::Text(text.into()), Direction::Response).into_iter().next()
}
