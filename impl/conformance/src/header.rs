//! A header of a response: it is written in the style `simple` (OpenAPI 3.0.4, "Header Object").

use http::{HeaderMap, HeaderValue};
use validation::{Direction, FieldError, SchemaRef, Schemas, Value};
use wire::{MediaType, Parameter, Texts};

use crate::place::Place;

/// Added to every response after it was checked.
const SENT_LATER: [&str; 8] = [
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "date",
    "transfer-encoding",
    "x-content-type-options",
    "x-request-id",
];

/// A header that the document declares.
pub(crate) struct Header {
    name: &'static str,
    is_required: bool,
    schema: Option<SchemaRef>,
    /// Its value as a list or as an object, where it may be one.
    lists: Vec<Parameter>,
    /// Whether its value may be anything else.
    is_single: bool,
    /// `content: application/json`
    is_json: bool,
}

impl Header {
    /// Nothing for those that the standard ignores here.
    pub fn read(name: &'static str, place: &Place, schemas: &'static Schemas) -> Option<Self> {
        if name.eq_ignore_ascii_case("content-type") {
            return None;
        }
        let is_sent_later = SENT_LATER.iter().any(|later| name.eq_ignore_ascii_case(later));
        let is_required = matches!(place.value.member("required"), Some(Value::Bool(true))) && !is_sent_later;
        let explode = matches!(place.value.member("explode"), Some(Value::Bool(true)));
        let is_of_json = |media: &str| MediaType::parse(media).is_some_and(|media| media.is_json());
        let content = place.children("content", schemas).into_iter().find(|(media, _)| is_of_json(media));
        let content = content.map(|(_, place)| place);
        let is_json = content.is_some();
        let schema = content.as_ref().unwrap_or(place).child("schema").and_then(|place| place.schema(schemas));
        let admits = |kind: &str| schema.as_ref().is_none_or(|schema| schema.admits(kind));
        let plain = Parameter::header(name).exploded(explode);
        let lists = [("array", plain.array()), ("object", plain.object(&[]))].into_iter();
        let lists =
            if is_json { Vec::new() } else { lists.filter(|(kind, _)| admits(kind)).map(|(_, list)| list).collect() };
        let is_single = is_json || ["string", "number", "integer", "boolean", "null"].into_iter().any(admits);
        Some(Self { name, is_required, schema, lists, is_single, is_json })
    }

    /// What is wrong with it in a response.
    pub fn fault(&self, headers: &HeaderMap) -> Option<FieldError> {
        let fault = |code, detail: String| {
            Some(FieldError::parameter(code, validation::Place::Header, Some(self.name), detail))
        };
        if !headers.contains_key(self.name) {
            return if self.is_required { fault("required", "Is required.".to_owned()) } else { None };
        }
        let schema = self.schema.as_ref()?;
        let texts = Texts::default();
        let mut found = None;
        for list in &self.lists {
            match wire::header(list, headers, &texts) {
                Ok(Some(value)) => match schema.violations(&value, Direction::Response).into_iter().next() {
                    None => return None,
                    Some(error) => found = found.or_else(|| fault(error.code, error.detail)),
                },
                Ok(None) => return None,
                Err(error) => found = found.or_else(|| fault(error.code, error.detail.to_string())),
            }
        }
        if self.is_single {
            // The lines of what is no list are values each.
            let lines = headers.get_all(self.name).iter();
            found = lines
                .filter_map(|line| self.single(line, schema))
                .next()
                .and_then(|(code, detail)| fault(code, detail));
        }
        found
    }

    fn single(&self, line: &HeaderValue, schema: &SchemaRef) -> Option<(&'static str, String)> {
        let Ok(text) = std::str::from_utf8(line.as_bytes()) else {
            return Some(("invalid_encoding", "Must be valid UTF-8.".to_owned()));
        };
        let value = match Value::from_json(text.as_bytes()) {
            Ok(value) if self.is_json => value,
            Err(error) if self.is_json => return Some((error.code, error.detail)),
            _ => Value::Text(text.into()),
        };
        if text.is_empty() && schema.admits("null") && schema.accepts(&Value::Null, Direction::Response) {
            return None;
        }
        schema.violations(&value, Direction::Response).into_iter().next().map(|error| (error.code, error.detail))
    }
}
