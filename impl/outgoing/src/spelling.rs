//! How parameters, and fields of forms, are written (OpenAPI, "Style Values"; RFC 6570).

#![allow(
    dead_code,
    missing_docs,
    reason = "the clients have this file as well, and what is used there depends on the documents"
)]

use serde::Serialize;
use serde_json::Value;

/// How a parameter is written (OpenAPI, "Style Values"; RFC 6570).
#[derive(Clone, Copy, PartialEq)]
pub enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

#[derive(Clone, Copy)]
pub struct Spelling {
    pub style: Style,
    pub explode: bool,
    pub json: bool,
    pub reserved: bool,
}

impl Spelling {
    pub const fn new(style: Style, explode: bool) -> Self {
        Self { style, explode, json: false, reserved: false }
    }

    /// As JSON.
    pub const fn json(self) -> Self {
        Self { json: true, ..self }
    }

    /// With reserved characters as they are.
    pub const fn reserved(self) -> Self {
        Self { reserved: true, ..self }
    }
}

pub type Encode = fn(&str) -> String;

fn percent(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

pub fn encoded(text: &str) -> String {
    percent(text, |byte| b"-._~".contains(&byte))
}

pub fn loosely(text: &str) -> String {
    percent(text, |byte| b"-._~%:/?[]@!$'()*,;=".contains(&byte))
}

/// What a cookie may have (RFC 6265, 4.1.1), but the sign of percent-encoding.
pub fn of_cookie(text: &str) -> String {
    percent(text, |byte| b"!#$&'()*+-./:<=>?@[]^_`{|}~".contains(&byte))
}

pub fn as_it_is(text: &str) -> String {
    text.to_owned()
}

pub fn value_of(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("models are JSON")
}

pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Items of a list, or fields as names and values, between delimiters.
pub fn joined(value: &Value, by: &str, explode: bool, encode: Encode) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| encode(&text(item))).collect::<Vec<_>>().join(by),
        Value::Object(members) => {
            let sign = if explode { "=" } else { by };
            let pairs = members.iter().map(|(name, one)| format!("{}{sign}{}", encode(name), encode(&text(one))));
            pairs.collect::<Vec<_>>().join(by)
        }
        one => encode(&text(one)),
    }
}

pub fn in_path(name: &str, value: &Value, spelling: Spelling) -> String {
    match (spelling.style, spelling.explode, value) {
        (Style::Label, true, _) => format!(".{}", joined(value, ".", true, encoded)),
        (Style::Label, false, _) => format!(".{}", joined(value, ",", false, encoded)),
        (Style::Matrix, true, Value::Array(items)) => {
            items.iter().map(|item| format!(";{}={}", encoded(name), encoded(&text(item)))).collect()
        }
        (Style::Matrix, true, Value::Object(members)) => {
            members.iter().map(|(member, one)| format!(";{}={}", encoded(member), encoded(&text(one)))).collect()
        }
        (Style::Matrix, ..) => format!(";{}={}", encoded(name), joined(value, ",", false, encoded)),
        (_, explode, _) => joined(value, ",", explode, encoded),
    }
}

fn deep(name: &str, value: &Value, encode: Encode, pairs: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, one)| deep(&format!("{name}[{key}]"), one, encode, pairs));
        }
        Value::Array(items) if items.iter().any(|one| one.is_array() || one.is_object()) => {
            items.iter().enumerate().for_each(|(index, one)| deep(&format!("{name}[{index}]"), one, encode, pairs));
        }
        Value::Array(items) => items.iter().for_each(|one| deep(name, one, encode, pairs)),
        one => pairs.push(format!("{}={}", encoded(name), encode(&text(one)))),
    }
}

/// Pairs of a query, a form or cookies.
pub fn pairs(name: &str, value: &Value, spelling: Spelling, encode: Encode, of_name: Encode) -> Vec<String> {
    let pair = |name: &str, one: &Value| format!("{}={}", of_name(name), encode(&text(one)));
    let by = match spelling.style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    };
    match (spelling.explode, value) {
        (_, value) if spelling.json => vec![format!("{}={}", of_name(name), encode(&value.to_string()))],
        (_, value) if spelling.style == Style::DeepObject => {
            let mut pairs = Vec::new();
            deep(name, value, encode, &mut pairs);
            pairs
        }
        (true, Value::Array(items)) => items.iter().map(|one| pair(name, one)).collect(),
        (true, Value::Object(members)) => members.iter().map(|(member, one)| pair(member, one)).collect(),
        (_, value) => vec![format!("{}={}", of_name(name), joined(value, by, false, encode))],
    }
}

pub fn in_query(name: &str, value: &Value, spelling: Spelling) -> Vec<String> {
    pairs(name, value, spelling, if spelling.reserved { loosely } else { encoded }, encoded)
}

pub fn in_header(value: &Value, spelling: Spelling) -> String {
    if spelling.json { value.to_string() } else { joined(value, ",", spelling.explode, as_it_is) }
}

pub fn in_cookie(name: &str, value: &Value, spelling: Spelling) -> Vec<String> {
    pairs(name, value, spelling, of_cookie, as_it_is)
}

/// One line of JSON for each item.
pub fn rows(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| format!("{item}\n")).collect(),
        one => format!("{one}\n"),
    }
}

/// Fields that are not in the list are written by their value: objects as JSON, lists by repeating the name.
pub fn form(value: &Value, fields: &[(&str, Spelling)]) -> String {
    let members = value.as_object().into_iter().flatten().filter(|(_, one)| !one.is_null());
    let written = members.flat_map(|(name, one)| {
        let known = fields.iter().find(|(field, _)| field == name).map(|(_, spelling)| *spelling);
        let plain = Spelling { json: one.is_object(), ..Spelling::new(Style::Form, true) };
        pairs(name, one, known.unwrap_or(plain), encoded, encoded)
    });
    written.collect::<Vec<_>>().join("&")
}
