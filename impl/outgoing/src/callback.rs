//! Where a callback goes: runtime expressions (OpenAPI, "Runtime Expressions") over the request that asked for it and its response.

use serde::Serialize;
use serde_json::Value as Json;
use validation::{FieldError, Place};

use crate::fault::{Fault, NO_URL, no_url};
use crate::spelling::{encoded, text, value_of};
use crate::url::absolute;

/// A part of the URL of a callback.
pub enum Part {
    /// As it is.
    Text(&'static str),
    /// A value.
    Value(Source),
}

/// A value of the request that asked for the callback, or of its response.
pub struct Source {
    place: Place,
    /// Of a parameter its name, in a body a JSON pointer.
    name: &'static str,
    value: Option<Json>,
    said_by_client: bool,
}

impl Part {
    /// A value of the request; `value` is the parameter or the body.
    pub fn of_request(place: Place, name: &'static str, value: &impl Serialize) -> Self {
        Self::Value(Source { said_by_client: true, ..Source::of(place, name, value) })
    }

    /// A value of its response.
    pub fn of_response(place: Place, name: &'static str, value: &impl Serialize) -> Self {
        Self::Value(Source::of(place, name, value))
    }
}

impl Source {
    fn of(place: Place, name: &'static str, value: &impl Serialize) -> Self {
        let value = value_of(value);
        let found = if place == Place::Body { value.pointer(name).cloned() } else { Some(value) };
        Self { place, name, value: found.filter(|value| !value.is_null()), said_by_client: false }
    }

    fn refusal(&self) -> Option<FieldError> {
        let Self { place, name, said_by_client, .. } = self;
        said_by_client.then(|| match place {
            Place::Body => FieldError::body("invalid_format", format!("#{name}"), NO_URL),
            _ => FieldError::parameter("invalid_format", *place, Some(*name), NO_URL),
        })
    }
}

/// The URL that the parts yield one after the other. Nothing where it would begin with a value that is absent: then the client wants no callback.
/// What is within is percent-encoded, so that it stays in its place; what is absent there is empty.
///
/// # Errors
/// When it is no absolute URL of http or https.
pub fn callback_url(operation: &'static str, parts: &[Part]) -> Result<Option<String>, Fault> {
    let mut url = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Value(Source { value: None, .. }) if index == 0 => return Ok(None),
            Part::Value(Source { value: Some(value), .. }) if index == 0 => url.push_str(&text(value)),
            Part::Value(Source { value, .. }) => url.extend(value.as_ref().map(|value| encoded(&text(value)))),
        }
    }
    if let Some(url) = absolute(&url) {
        return Ok(Some(url.into()));
    }
    let said = parts.iter().find_map(|part| if let Part::Value(source) = part { source.refusal() } else { None });
    Err(said.map_or_else(|| Fault::Broken { operation, error: no_url() }, Fault::Url))
}
