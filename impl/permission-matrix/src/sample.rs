//! Requests from the examples of a document.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::people::number;
use super::table::{Operation, Table};
use testkit::pages::with;

/// A request that is valid, as far as the examples of the document are, and about to be changed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Values of the path's parameters.
    pub path: Map<String, Value>,
    /// Values of the query.
    pub query: Map<String, Value>,
    /// Header fields.
    pub headers: Map<String, Value>,
    /// The body, if there is one.
    pub body: Option<Value>,
    media: String,
}

impl Request {
    /// With required parameters only.
    pub(super) fn of(table: &Table, operation: &Operation) -> Self {
        let [mut path, mut query, mut headers] = [Map::new(), Map::new(), Map::new()];
        for one in operation.parameters.iter().filter(|one| one["required"] == true) {
            let place = match one["in"].as_str() {
                Some("path") => &mut path,
                Some("query") => &mut query,
                _ => &mut headers,
            };
            place.insert(one["name"].as_str().unwrap_or_default().to_owned(), argument(table, one));
        }
        let content = table.resolved(&operation.described["requestBody"])["content"].as_object();
        let content = content.and_then(|content| content.iter().next());
        let body = content.map(|(_, described)| unique(table, example(table, described), &described["schema"]));
        Self { path, query, headers, body, media: content.map(|(media, _)| media.clone()).unwrap_or_default() }
    }

    /// Gives a field of any place a value; in a body wherever the example has it, else at the top.
    pub(super) fn set(&mut self, operation: &Operation, name: &str, value: Value) {
        let place = match operation.parameter(name).map(|one| one["in"].as_str()) {
            Some(Some("path")) => &mut self.path,
            Some(Some("query")) => &mut self.query,
            Some(_) => &mut self.headers,
            None => {
                let Some(body) = &mut self.body else { return };
                if !replace(body, name, &value) {
                    let object = if body.is_array() { &mut body[0] } else { body };
                    object.as_object_mut().map(|object| object.insert(name.to_owned(), value));
                }
                return;
            }
        };
        place.insert(name.to_owned(), value);
    }

    /// Whether the sample has the field already, so that it needs a value.
    pub(super) fn has(&self, name: &str) -> bool {
        let given = [&self.path, &self.query, &self.headers].into_iter().any(|place| place.contains_key(name));
        given || self.body.as_ref().is_some_and(|body| replace(&mut body.clone(), name, &Value::Null))
    }

    /// Path and query.
    pub(super) fn target(&self, template: &str) -> String {
        let path = self
            .path
            .iter()
            .fold(template.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), &plain(value)));
        self.query.iter().fold(path, |path, (name, value)| {
            let text = plain(value);
            with(&path, name, &utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
        })
    }

    /// Header fields and body.
    pub(super) fn complete(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name, plain(value)));
        match (&self.body, self.media.as_str()) {
            (None, _) => request,
            (Some(body), "application/x-www-form-urlencoded") => request.form(body),
            (Some(body), media) => request.header("content-type", media).body(body.to_string()),
        }
    }
}

pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value of a parameter: its example, or one of its schema.
pub(super) fn argument(table: &Table, parameter: &Value) -> Value {
    let example = &parameter["example"];
    if example.is_null() { value_of(table, &parameter["schema"]) } else { example.clone() }
}

/// An id of no object, for a field.
pub(super) fn missing(table: &Table, operation: &Operation, name: &str) -> Value {
    let schema = operation.parameter(name).map(|parameter| table.resolved(&parameter["schema"]));
    match schema.and_then(|schema| schema["format"].as_str()) {
        Some("uuid") => uuid::Uuid::nil().to_string().into(),
        // The largest that a document allows.
        _ => 9_007_199_254_740_991_i64.into(),
    }
}

/// A value of a property of the body, at any depth.
pub(super) fn property(table: &Table, operation: &Operation, name: &str) -> Value {
    let content = table.resolved(&operation.described["requestBody"])["content"].as_object();
    let schema = content.and_then(|content| content.values().next()).map(|media| &media["schema"]);
    let found = schema.and_then(|schema| found(table, schema, name));
    value_of(table, found.unwrap_or_else(|| panic!("{} has no {name}", operation.id)))
}

fn found<'a>(table: &'a Table, schema: &'a Value, name: &str) -> Option<&'a Value> {
    let schema = table.resolved(schema);
    let properties = || schema["properties"].as_object().into_iter().flatten();
    let own = properties().find(|(key, _)| *key == name).map(|(_, property)| property);
    let parts = || properties().map(|(_, property)| property).chain(schema.get("items"));
    own.or_else(|| parts().find_map(|part| found(table, part, name)))
}

fn value_of(table: &Table, schema: &Value) -> Value {
    let schema = table.resolved(schema);
    let candidates = [&schema["example"], &schema["default"], &schema["enum"][0], &schema["minimum"]];
    let given = candidates.into_iter().find(|one| !one.is_null()).cloned();
    given.unwrap_or_else(|| match schema["format"].as_str() {
        Some("uuid") => uuid::Uuid::now_v7().to_string().into(),
        Some("date-time") => "2026-01-31T09:30:00Z".into(),
        _ => "1".into(),
    })
}

fn example(table: &Table, media: &Value) -> Value {
    let schema = table.resolved(&media["schema"]);
    let candidates = [&media["example"], &schema["example"]];
    let found = candidates.into_iter().find(|one| !one.is_null());
    found.unwrap_or_else(|| panic!("a body without an example: {schema}")).clone()
}

/// With another e-mail address than any before, where the example has one.
fn unique(table: &Table, mut body: Value, schema: &Value) -> Value {
    let schema = table.resolved(schema);
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if table.resolved(&schema["properties"][name])["format"] == "email" {
            *value = format!("made{}@example.com", number()).into();
        }
    }
    body
}

/// Whether there was such a field, at any depth.
fn replace(node: &mut Value, name: &str, value: &Value) -> bool {
    let mut is_there = false;
    match node {
        Value::Array(items) => items.iter_mut().for_each(|one| is_there |= replace(one, name, value)),
        Value::Object(fields) => {
            for (key, one) in fields {
                if key == name {
                    one.clone_from(value);
                    is_there = true;
                } else {
                    is_there |= replace(one, name, value);
                }
            }
        }
        _ => (),
    }
    is_there
}
