//! Error responses in the shape that a document gives them: fields with the usual names are filled from the problem.
//!
//! A schema that needs more than a problem says yields nothing; then the problem document is sent.

use chrono::Utc;
use serde_json::{Map, Value as Json, json};
use validation::{Direction, SchemaRef, Value};

use crate::problem::Problem;
use crate::{FieldError, Reply};

/// References and fields deeper than this are not followed.
const MAX_DEPTH: usize = 8;

/// The problem in the shape of a schema, as JSON of a media type.
pub fn shaped(problem: &Problem, media: &'static str, schema: &'static SchemaRef) -> Option<Reply> {
    let document = schema.document()?;
    let told = Told { document, problem, field: None };
    let body = told.value("message", schema.source()?, 0)?;
    let bytes = serde_json::to_vec(&body).ok()?;
    let parsed = Value::from_json(&bytes).ok()?;
    if !schema.accepts(&parsed, Direction::Response) {
        return None;
    }
    Some(Reply::new(problem.status().as_u16()).bytes(media, bytes))
}

/// What there is to tell: the problem, or one of its fields.
#[derive(Clone, Copy)]
struct Told<'a> {
    document: &'a Value<'a>,
    problem: &'a Problem,
    field: Option<&'a FieldError>,
}

impl Told<'_> {
    fn value(&self, name: &str, schema: &Value<'_>, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(reference) = text(schema, "$ref") {
            return self.value(name, self.document.at(reference.strip_prefix('#')?)?, depth + 1);
        }
        if let Some(Value::Array(branches)) = schema.member("allOf") {
            return self.all_of(name, schema, branches, depth);
        }
        for union in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = schema.member(union) {
                return branches.iter().find_map(|branch| self.value(name, branch, depth + 1));
            }
        }
        if let Some(Value::Array(values)) = schema.member("enum") {
            return self.one_of(name, values);
        }
        match kind(schema)? {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => self.string(name, text(schema, "format").unwrap_or("")),
            "integer" | "number" => self.number(name),
            "boolean" => match name.to_ascii_lowercase().as_str() {
                "success" | "ok" | "succeeded" => Some(json!(false)),
                "error" | "failed" | "iserror" | "is_error" => Some(json!(true)),
                _ => None,
            },
            _ => None,
        }
    }

    fn all_of(&self, name: &str, schema: &Value<'_>, branches: &[Value<'_>], depth: usize) -> Option<Json> {
        let mut merged = Map::new();
        let own = schema.member("properties").is_some().then_some(schema);
        for branch in branches.iter().filter(|branch| kind(branch).is_some() || branch.member("$ref").is_some()) {
            match self.value(name, branch, depth + 1)? {
                Json::Object(members) => merged.extend(members),
                other => return Some(other),
            }
        }
        if let Some(Json::Object(members)) = own.and_then(|own| self.object(own, depth + 1)) {
            merged.extend(members);
        }
        Some(Json::Object(merged))
    }

    fn one_of(&self, name: &str, values: &[Value<'_>]) -> Option<Json> {
        let wanted = [self.string(name, ""), self.number(name), Some(json!(self.problem.code()))];
        let known = |value: &Value<'_>| match value {
            Value::String(text) => Some(json!(text)),
            Value::Number(number) => Some(json!(number.as_f64() as i64)),
            _ => None,
        };
        let found = values.iter().filter_map(known).find(|value| wanted.contains(&Some(value.clone())));
        found.or_else(|| if let [only] = values { known(only) } else { None })
    }

    fn object(&self, schema: &Value<'_>, depth: usize) -> Option<Json> {
        let required = |name: &str| match schema.member("required") {
            Some(Value::Array(names)) => names.iter().any(|one| matches!(one, Value::String(one) if one == name)),
            _ => false,
        };
        let mut made = Map::new();
        if let Some(Value::Object(properties)) = schema.member("properties") {
            for (name, property) in properties {
                match self.value(name, property, depth + 1) {
                    Some(value) => {
                        made.insert(name.to_string(), value);
                    }
                    None if required(name) => return None,
                    None => (),
                }
            }
        }
        Some(Json::Object(made))
    }

    fn array(&self, schema: &Value<'_>, depth: usize) -> Option<Json> {
        let items = schema.member("items")?;
        let told = |field| Self { field: Some(field), ..*self }.value("message", items, depth + 1);
        let fields: Option<Vec<Json>> = self.problem.errors().iter().map(told).collect();
        match fields {
            Some(fields) if !fields.is_empty() => Some(Json::Array(fields)),
            // The problem as the only entry.
            _ => Some(Json::Array(self.value("message", items, depth + 1).into_iter().collect())),
        }
    }

    fn string(&self, name: &str, format: &str) -> Option<Json> {
        let problem = self.problem;
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        if format == "date-time" || ["timestamp", "time", "date"].contains(&plain.as_str()) {
            return Some(json!(Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)));
        }
        Some(match plain.as_str() {
            "type" if format.starts_with("uri") => json!("about:blank"),
            "code" | "error" | "errorcode" | "reason" | "type" | "kind" | "slug" | "key" | "name" | "id"
            | "errortype" => {
                json!(self.field.map_or(problem.code(), |field| field.code))
            }
            "status" | "statuscode" | "httpstatus" => json!(problem.status().as_u16().to_string()),
            "title" | "summary" | "statustext" => json!(problem.title()),
            "message" | "detail" | "details" | "description" | "msg" | "errormessage" | "errordescription"
            | "userdescription" | "usermessage" | "developermessage" | "text" | "info" | "explanation" | "cause" => {
                json!(self.field.map_or(problem.detail(), |field| &field.detail))
            }
            "requestid" | "traceid" | "correlationid" | "instance" => json!(problem.request_id()?),
            "field" | "pointer" | "path" | "param" | "parameter" | "property" | "location" | "source" => {
                let field = self.field?;
                json!(field.pointer.as_deref().or(field.parameter.as_deref())?)
            }
            _ => return None,
        })
    }

    fn number(&self, name: &str) -> Option<Json> {
        let plain = name.to_ascii_lowercase();
        let names = ["status", "code", "error"];
        names.iter().any(|known| plain.contains(known)).then(|| json!(self.problem.status().as_u16()))
    }
}

/// The kind that a schema asks for, by its `type`, or by what it has.
fn kind<'v>(schema: &'v Value<'_>) -> Option<&'v str> {
    match schema.member("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => kinds.iter().find_map(|kind| match kind {
            Value::String(kind) if kind != "null" => Some(&**kind),
            _ => None,
        }),
        _ if schema.member("properties").is_some() => Some("object"),
        _ if schema.member("items").is_some() => Some("array"),
        _ => Some("string"),
    }
}

fn text<'v>(schema: &'v Value<'_>, name: &str) -> Option<&'v str> {
    match schema.member(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
