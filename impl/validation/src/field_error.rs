//! One violation of a document, as it is reported.

use std::borrow::Cow;

use serde::Serialize;

/// One violation of the document, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Which part of the request it is in.
    #[serde(rename = "in")]
    pub place: Place,
    /// Of the body only: a JSON pointer (RFC 6901) into it as a URI fragment (`#/items/0/quantity`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Of path, query, header and cookie: the name of the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<Cow<'static, str>>,
    /// Stable name of the rule that was broken, such as `too_long`.
    pub code: &'static str,
    /// The rule in words.
    pub detail: String,
}

impl FieldError {
    /// Something in the body that breaks the rule `code`.
    pub fn body(code: &'static str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place: Place::Body, pointer: Some(pointer.into()), parameter: None, code, detail: detail.into() }
    }

    /// A parameter that breaks the rule `code`. Without a name where that is too long to be repeated.
    pub fn parameter(
        code: &'static str,
        place: Place,
        name: Option<impl Into<Cow<'static, str>>>,
        detail: impl Into<String>,
    ) -> Self {
        Self { place, pointer: None, parameter: name.map(Into::into), code, detail: detail.into() }
    }
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}
