//! The worst request that an operation allows, built from its document: the largest body, the longest text, the most rows, the
//! widest window, and new values.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Text that is long, repeats itself and matches nothing: the most expensive search.
const LONGEST: usize = 10_000;

/// A document whose references are resolved on demand.
pub struct Document(Value);

/// One operation of a document.
#[derive(Clone)]
pub struct Asked {
    pub id: String,
    pub method: String,
    path: String,
    parameters: Vec<Value>,
    body: Option<(String, Value)>,
}

/// A request that is ready to be sent.
#[derive(Clone)]
pub struct Made {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<(String, String)>,
}

impl Document {
    pub fn new(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("a document is JSON"))
    }

    /// Every operation of it.
    pub fn operations(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path") {
                let Some(id) = operation["operationId"].as_str() else { continue };
                let list = |of: &Value| of["parameters"].as_array().cloned().unwrap_or_default();
                let parameters = [list(item), list(operation)].concat();
                let content = self.follow(&operation["requestBody"])["content"].as_object();
                let body = content.and_then(|content| content.iter().next());
                all.push(Asked {
                    id: id.to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    parameters: parameters.iter().map(|one| self.follow(one).clone()).collect(),
                    body: body.map(|(media, of)| (media.clone(), of["schema"].clone())),
                });
            }
        }
        all
    }

    fn follow<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(place) => self.follow(self.0.pointer(&place[1..]).expect("a reference leads somewhere")),
            None => node,
        }
    }

    /// The worst request of an operation, the `n`th of its kind; `known` are ids of existing objects. The plain one
    /// is the example in the document, for operations that reject the worst.
    pub fn request(&self, asked: &Asked, n: usize, known: &HashMap<String, i64>, plain: bool) -> Made {
        let (mut path, mut query, mut headers) = (asked.path.clone(), Vec::new(), Vec::new());
        for parameter in &asked.parameters {
            let name = parameter["name"].as_str().expect("a name");
            let text = match known.get(name) {
                Some(id) => id.to_string(),
                None => in_words(&self.parameter(name, parameter, n, plain)),
            };
            match parameter["in"].as_str() {
                Some("path") => path = path.replace(&format!("{{{name}}}"), &encoded(&text)),
                Some("query") if narrows(name, n) && parameter["required"] != true => {}
                Some("query") if name != "cursor" && name != "skip" => query.push(format!("{name}={}", encoded(&text))),
                Some("header") if name == "Idempotency-Key" => headers.push((name.to_owned(), format!("key-{n}"))),
                _ => {}
            }
        }
        let target = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
        let body = asked.body.as_ref().map(|(media, schema)| {
            let value = self.value("body", schema, n, known, plain);
            let text = if media.ends_with("urlencoded") { form(&value) } else { value.to_string() };
            (media.clone(), text)
        });
        Made { target, headers, body }
    }

    fn parameter(&self, name: &str, parameter: &Value, n: usize, plain: bool) -> Value {
        let schema = self.follow(&parameter["schema"]);
        let most = schema["maximum"].as_i64();
        match (name, most) {
            ("start", _) => json!("2020-01-01T00:00:00Z"),
            ("end", _) => json!("2030-01-01T00:00:00Z"),
            ("seconds" | "rows", _) => json!(1),
            ("time_zone", _) => json!("America/St_Johns"),
            ("limit", Some(most)) => json!(most.min(100_000)),
            ("count", _) => json!(true),
            ("q", _) => {
                let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(64)).unwrap_or(64);
                json!(format!("{}bc", "a".repeat(most.saturating_sub(2))))
            }
            _ if plain && parameter.get("example").is_some() => parameter["example"].clone(),
            _ => self.value(name, schema, n, &HashMap::new(), plain),
        }
    }

    fn value(&self, name: &str, schema: &Value, n: usize, known: &HashMap<String, i64>, plain: bool) -> Value {
        let schema = self.follow(schema);
        if let Some(id) = known.get(name) {
            return json!(id);
        }
        if let Some(choices) = schema["enum"].as_array() {
            return choices[n % choices.len()].clone();
        }
        if let Some(parts) = schema["allOf"].as_array().filter(|_| schema.get("properties").is_none()) {
            return self.value(name, &parts[0], n, known, plain);
        }
        match schema["type"].as_str() {
            Some("object") => {
                let mut members = Map::new();
                for (member, of) in schema["properties"].as_object().into_iter().flatten() {
                    members.insert(member.clone(), self.value(member, of, n, known, plain));
                }
                Value::Object(members)
            }
            Some("array") => {
                let most = usize::try_from(schema["maxItems"].as_u64().unwrap_or(10)).unwrap_or(10);
                let count = if plain { 1 } else { most.min(1_000) };
                (0..count).map(|at| self.value(name, &schema["items"], n * 1_000 + at, known, plain)).collect()
            }
            Some("string") => self.text(name, schema, n, plain),
            Some("integer") => {
                let (least, most) = (schema["minimum"].as_i64().unwrap_or(1), schema["maximum"].as_i64());
                json!(least.max(1).min(most.unwrap_or(1)))
            }
            Some("number") => json!(1),
            Some("boolean") => json!(true),
            _ => Value::Null,
        }
    }

    fn text(&self, name: &str, schema: &Value, n: usize, plain: bool) -> Value {
        let example = schema["example"].as_str();
        // Attempts at another user's password: the most expensive ones, which an account must survive.
        match name {
            "grant_type" => return json!("password"),
            "current_password" => return json!(format!("a guess {n}")),
            "password" if schema["minLength"].is_null() => return json!(format!("a guess {n}")),
            "username" => return json!("other@example.com"),
            _ => {}
        }
        match schema["format"].as_str() {
            Some("date-time") => return json!(sqlx::types::chrono::Utc::now().to_rfc3339()),
            Some("email") => return json!(format!("made-up-{n}@example.com")),
            Some("uuid") => return json!(format!("00000000-0000-4000-8000-{n:012x}")),
            Some("password") => return json!("correct horse battery"),
            _ => {}
        }
        // For a pattern beyond the exclusion of U+0000 the document's own example is used.
        let pattern = schema["pattern"].as_str().filter(|pattern| !pattern.starts_with(r"^[^\x00]"));
        if let (Some(_), Some(example)) = (pattern, example) {
            return json!(example);
        }
        if plain && let Some(example) = example {
            return json!(if name == "sku" || name == "title" { format!("{example} {n}") } else { example.to_owned() });
        }
        let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(100)).unwrap_or(100).min(LONGEST);
        let begin = if name == "path" { format!("/{n:x}/") } else { format!("{n:x} ") };
        let begin: String = begin.chars().take(most).collect();
        if name == "user_agent" {
            // A value that was never used before.
            let dice = (0..most - begin.len()).map(|_| rand::random_range('!'..='~'));
            return json!(begin.chars().chain(dice).collect::<String>());
        }
        json!(format!("{begin}{}", "a".repeat(most - begin.len())))
    }
}

/// Whether the `n`th request omits a parameter because it makes the response smaller: one of three requests everything, one the
/// most expensive search, one has every filter.
fn narrows(name: &str, n: usize) -> bool {
    let widens = ["limit", "count", "start", "end", "seconds", "rows", "interval", "sort"].contains(&name);
    !widens && (n.is_multiple_of(3) || n % 3 == 1 && name != "q")
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.first().map(in_words).unwrap_or_default(),
        other => other.to_string(),
    }
}

fn form(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let pair = |(name, value): (&String, &Value)| format!("{name}={}", encoded(&in_words(value)));
    members
        .filter(|(name, _)| ["username", "password", "grant_type"].contains(&name.as_str()))
        .map(pair)
        .collect::<Vec<_>>()
        .join("&")
}

fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
