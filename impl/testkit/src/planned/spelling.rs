//! How values of parameters are written (OpenAPI, "Style Values").

use std::fmt::Write as _;

use serde_json::Value;

/// A parameter's notation.
pub(super) struct Style<'a> {
    pub(super) name: &'a str,
    pub(super) style: &'a str,
    pub(super) is_exploded: bool,
}

/// What is not a text as JSON has it.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encoded, but for unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The literal text of a path template.
pub(super) fn literal(text: &str) -> String {
    let keep = |char: char| char.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(char);
    text.chars().map(|char| if keep(char) { char.to_string() } else { encoded(&char.to_string()) }).collect()
}

impl Style<'_> {
    /// A value in a path.
    pub(super) fn in_path(&self, value: &Value) -> String {
        let (start, between) = match self.style {
            "label" => (".", if self.is_exploded { "." } else { "," }),
            "matrix" => (";", if self.is_exploded { ";" } else { "," }),
            _ => ("", ","),
        };
        let name = encoded(self.name);
        let is_named = self.style == "matrix";
        match value {
            Value::Array(_) | Value::Object(_) if is_named && !self.is_exploded => {
                format!(";{name}={}", self.pieces(value, encoded).join(between))
            }
            Value::Array(values) if is_named => {
                values.iter().map(|one| format!(";{name}={}", encoded(&plain(one)))).collect()
            }
            Value::Array(_) | Value::Object(_) => format!("{start}{}", self.pieces(value, encoded).join(between)),
            scalar if is_named => format!(";{name}={}", encoded(&plain(scalar))),
            scalar => format!("{start}{}", encoded(&plain(scalar))),
        }
    }

    /// A value in a header.
    pub(super) fn in_header(&self, value: &Value) -> String {
        match value {
            Value::Array(_) | Value::Object(_) => self.pieces(value, str::to_owned).join(","),
            scalar => plain(scalar),
        }
    }

    /// A value in a query, a form or a cookie: pairs, encoded.
    pub(super) fn pairs(&self, value: &Value) -> Vec<String> {
        let name = encoded(self.name);
        let between = match self.style {
            "spaceDelimited" => "%20",
            "pipeDelimited" => "%7C",
            _ => ",",
        };
        match value {
            Value::Object(members) if self.style == "deepObject" => members
                .iter()
                .map(|(key, one)| format!("{name}%5B{}%5D={}", encoded(key), encoded(&plain(one))))
                .collect(),
            Value::Array(values) if self.is_exploded => {
                values.iter().map(|one| format!("{name}={}", encoded(&plain(one)))).collect()
            }
            Value::Object(_) if self.is_exploded => self.pieces(value, encoded),
            Value::Array(_) | Value::Object(_) => vec![format!("{name}={}", self.pieces(value, encoded).join(between))],
            scalar => vec![format!("{name}={}", encoded(&plain(scalar)))],
        }
    }

    fn pieces(&self, value: &Value, write: impl Fn(&str) -> String) -> Vec<String> {
        match value {
            Value::Array(values) => values.iter().map(|one| write(&plain(one))).collect(),
            Value::Object(members) if self.is_exploded => {
                members.iter().map(|(key, one)| format!("{}={}", write(key), write(&plain(one)))).collect()
            }
            Value::Object(members) => members.iter().flat_map(|(key, one)| [write(key), write(&plain(one))]).collect(),
            scalar => vec![write(&plain(scalar))],
        }
    }
}
