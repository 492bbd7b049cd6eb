//! A request that is being put together.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value as Json;
use url::Url;
use validation::{Direction, FieldError, Place, SchemaRef, Value};

use crate::OutgoingRequest;
use crate::fault::{Fault, no_url};
use crate::multipart::Multipart;
use crate::spelling::{Spelling, form, in_cookie, in_header, in_query, rows, text, value_of};
use crate::url::absolute;

/// Arrays and objects within each other.
const MAX_LEVELS: usize = 500;

/// A request that is being put together. What breaks the document makes [`Call::finish`] fail.
pub struct Call {
    operation: &'static str,
    method: &'static str,
    url: Result<Url, FieldError>,
    query: Vec<String>,
    cookies: Vec<String>,
    headers: Vec<(String, String)>,
    body: Bytes,
    fault: Option<FieldError>,
}

impl Call {
    /// A request to a URL.
    pub fn new(operation: &'static str, method: &'static str, url: &str) -> Self {
        let url = absolute(url).ok_or_else(no_url);
        Self {
            operation,
            method,
            url,
            query: Vec::new(),
            cookies: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            fault: None,
        }
    }

    /// The value as JSON. Notes the first violation.
    fn checked(
        &mut self,
        value: &Json,
        schema: Option<&SchemaRef>,
        named: impl Fn(FieldError) -> FieldError,
    ) -> String {
        let text = value.to_string();
        match Value::from_json_within(text.as_bytes(), MAX_LEVELS) {
            Ok(parsed) => self.check(&parsed, schema, named),
            Err(error) => self.note(|| Some(named(FieldError::body(error.code, "#", error.detail)))),
        }
        text
    }

    fn check(&mut self, value: &Value<'_>, schema: Option<&SchemaRef>, named: impl Fn(FieldError) -> FieldError) {
        self.note(|| schema?.violations(value, Direction::Response).into_iter().next().map(named));
    }

    fn note(&mut self, violation: impl FnOnce() -> Option<FieldError>) {
        if self.fault.is_none() {
            self.fault = violation();
        }
    }

    /// A parameter, valid by its schema; nothing where it is absent.
    fn parameter(
        &mut self,
        place: Place,
        name: &'static str,
        value: &impl Serialize,
        schema: Option<&SchemaRef>,
    ) -> Option<Json> {
        let value = Some(value_of(value)).filter(|value| !value.is_null())?;
        self.checked(&value, schema, |error| FieldError::parameter(error.code, place, Some(name), error.detail));
        Some(value)
    }

    /// A parameter of the query. `None` is left out, here and below.
    pub fn query(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
        spelling: Spelling,
        schema: Option<&SchemaRef>,
    ) {
        if let Some(value) = self.parameter(Place::Query, name, value, schema) {
            self.query.extend(in_query(name, &value, spelling));
        }
    }

    /// A header.
    pub fn header(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
        spelling: Spelling,
        schema: Option<&SchemaRef>,
    ) {
        if let Some(value) = self.parameter(Place::Header, name, value, schema) {
            self.headers.push((name.to_owned(), in_header(&value, spelling)));
        }
    }

    /// A cookie.
    pub fn cookie(
        &mut self,
        name: &'static str,
        value: &impl Serialize,
        spelling: Spelling,
        schema: Option<&SchemaRef>,
    ) {
        if let Some(value) = self.parameter(Place::Cookie, name, value, schema) {
            self.cookies.extend(in_cookie(name, &value, spelling));
        }
    }

    fn body(&mut self, body: impl Into<Bytes>, media: &str) {
        self.body = body.into();
        self.headers.push(("content-type".to_owned(), media.to_owned()));
    }

    /// The body as JSON.
    pub fn json(&mut self, value: &impl Serialize, media: &str, schema: Option<&SchemaRef>) {
        let text = self.checked(&value_of(value), schema, std::convert::identity);
        self.body(text, media);
    }

    /// The body as one line of JSON for each item.
    pub fn rows(&mut self, value: &impl Serialize, media: &str, schema: Option<&SchemaRef>) {
        let value = value_of(value);
        self.checked(&value, schema, std::convert::identity);
        self.body(rows(&value), media);
    }

    /// The body as text.
    pub fn text(&mut self, value: &impl Serialize, media: &str, schema: Option<&SchemaRef>) {
        let text = text(&value_of(value));
        self.check(&Value::Text(text.as_str().into()), schema, std::convert::identity);
        self.body(text, media);
    }

    /// The body as it is.
    pub fn bytes(&mut self, body: &Bytes, media: &str) {
        self.body(body.clone(), media);
    }

    /// The body as a form. Fields that are not in the list are written by their value: objects as JSON, lists by repeating the name.
    pub fn form(
        &mut self,
        value: &impl Serialize,
        media: &str,
        fields: &[(&str, Spelling)],
        schema: Option<&SchemaRef>,
    ) {
        let value = value_of(value);
        self.checked(&value, schema, std::convert::identity);
        self.body(form(&value, fields), media);
    }

    /// Validates a part of a form that is no file.
    pub fn valid(&mut self, value: &impl Serialize, schema: Option<&SchemaRef>) {
        let value = value_of(value);
        if !value.is_null() {
            self.checked(&value, schema, std::convert::identity);
        }
    }

    /// The body as a form of several parts.
    pub fn multipart(&mut self, form: Multipart) {
        let media = form.media();
        self.body(form.finish(), &media);
    }

    /// The request.
    ///
    /// # Errors
    /// The first part that breaks the document; a header that cannot be sent; what is no URL.
    pub fn finish(mut self) -> Result<OutgoingRequest, Fault> {
        let operation = self.operation;
        let broken = |error| Fault::Broken { operation, error };
        let mut url = self.url.map_err(broken)?;
        if let Some(error) = self.fault {
            return Err(broken(error));
        }
        if !self.query.is_empty() {
            let own = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
            let query: Vec<_> = own.into_iter().chain(self.query).collect();
            url.set_query(Some(&query.join("&")));
        }
        if !self.cookies.is_empty() {
            self.headers.push(("cookie".to_owned(), self.cookies.join("; ")));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_bytes(value.as_bytes()).is_err() {
                let detail = "Must have only what a header may have (RFC 9110, 5.5).";
                return Err(broken(FieldError::parameter("invalid_format", Place::Header, Some(name.clone()), detail)));
            }
        }
        Ok(OutgoingRequest { operation, method: self.method, url: url.into(), headers: self.headers, body: self.body })
    }
}
