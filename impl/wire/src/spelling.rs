//! One value in the media type that a client chose, and values as they are written in header fields.

use bytes::Bytes;
use serde_json::Value;

use crate::media_type::MediaType;

/// What one value in several media types is made from.
#[derive(Clone)]
pub enum Spelling {
    /// JSON: the string that it is where text is wanted, its items one a line where rows are.
    Json(Bytes),
    /// The same bytes in each.
    Same(Bytes),
}

impl Spelling {
    /// The bytes in a media type.
    pub fn of(self, media: &str) -> Bytes {
        let json = match self {
            Self::Same(bytes) => return bytes,
            Self::Json(json) => json,
        };
        let Some(media) = MediaType::parse(media).filter(|media| !media.is_json()) else { return json };
        match serde_json::from_slice(&json) {
            Ok(Value::String(text)) => text.into(),
            Ok(Value::Array(items)) if media.is_ndjson() => {
                items.into_iter().map(|item| format!("{item}\n")).collect::<String>().into()
            }
            _ => json,
        }
    }
}

/// A value in the style `simple`, as header fields have it (RFC 6570, 3.2.2): `a,b`, `R,100,G,200`, or exploded `R=100,G=200`.
/// Nothing where something within it has fields or items itself.
pub fn simple(value: &Value, explode: bool) -> Option<String> {
    let pieces: Option<Vec<String>> = match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        Value::Object(members) => {
            let sign = if explode { '=' } else { ',' };
            members.iter().map(|(name, value)| Some(format!("{name}{sign}{}", scalar(value)?))).collect()
        }
        other => return scalar(other),
    };
    pieces.map(|pieces| pieces.join(","))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_in_the_style_simple() {
        for (value, plain, exploded) in [
            (json!("blue"), "blue", "blue"),
            (json!(7), "7", "7"),
            (json!(["blue", "black", 1.5]), "blue,black,1.5", "blue,black,1.5"),
            (json!({"B": 150, "G": true}), "B,150,G,true", "B=150,G=true"),
            (json!([]), "", ""),
        ] {
            assert_eq!(simple(&value, false).as_deref(), Some(plain));
            assert_eq!(simple(&value, true).as_deref(), Some(exploded));
        }
        assert_eq!(simple(&json!([[1]]), false), None);
    }

    #[test]
    fn a_value_is_spelt_as_its_media_type_has_it() {
        let spelt = |json: &'static str, media| Spelling::Json(Bytes::from_static(json.as_bytes())).of(media);
        assert_eq!(spelt("\"a\\n\"", "text/plain"), "a\n");
        assert_eq!(spelt("\"a\"", "application/vnd.x+json"), "\"a\"");
        assert_eq!(spelt("[1,{\"a\":2}]", "application/x-ndjson"), "1\n{\"a\":2}\n");
        assert_eq!(spelt("5", "text/plain"), "5");
    }
}
