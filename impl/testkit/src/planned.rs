//! Operations that are not implemented yet (`x-planned`): every valid request gets 501 `not_implemented`.

use http::Method;
use serde_json::{Map, Value, json};

use crate::Client;

/// Sends a valid request to each planned operation of a document.
///
/// # Panics
/// When one returns anything but the problem `not_implemented`, or the document is invalid.
pub async fn expect_not_implemented(client: &Client, document: &str) {
    let document: Value = serde_json::from_str(document).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("it has paths");
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if operation["x-planned"] != true {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let asked = Asked { document: &document, item, operation };
            let mut request = client.request(method, &asked.target(path));
            for (name, value) in asked.parameters("header") {
                request = request.header(name, plain(&value));
            }
            if let Some((media, text)) = asked.body() {
                request = request.header("content-type", media).body(text);
            }
            println!("{}", operation["operationId"]);
            client.send(request).await.expect_problem(501, "not_implemented");
        }
    }
}

struct Asked<'a> {
    document: &'a Value,
    item: &'a Value,
    operation: &'a Value,
}

impl Asked<'_> {
    /// Required parameters in a location, with values.
    fn parameters(&self, place: &str) -> Vec<(String, Value)> {
        let declared = [&self.item["parameters"], &self.operation["parameters"]];
        let all = declared.iter().filter_map(|list| list.as_array()).flatten().map(|one| resolve(self.document, one));
        let wanted = all.filter(|one| one["in"] == place && one["required"] == true);
        wanted
            .map(|one| {
                let value = one.get("example").cloned().unwrap_or_else(|| self.argument(&one["schema"]));
                (one["name"].as_str().unwrap_or_default().to_owned(), value)
            })
            .collect()
    }

    /// An empty list is an absent parameter.
    fn argument(&self, schema: &Value) -> Value {
        match sample(self.document, schema, 0) {
            Value::Array(values) if values.is_empty() => json!([sample(self.document, &schema["items"], 0)]),
            value => value,
        }
    }

    fn target(&self, path: &str) -> String {
        let mut target = path.to_owned();
        for (name, value) in self.parameters("path") {
            target = target.replace(&format!("{{{name}}}"), &encoded(&plain(&value)));
        }
        let query = pairs(self.parameters("query"));
        if query.is_empty() { target } else { format!("{target}?{query}") }
    }

    /// The media type and the text of a body.
    fn body(&self) -> Option<(String, String)> {
        let body = resolve(self.document, self.operation.get("requestBody")?);
        let (media, content) = body["content"].as_object()?.iter().next()?;
        let value = content.get("example").cloned().unwrap_or_else(|| sample(self.document, &content["schema"], 0));
        let text = match (media.as_str(), value) {
            ("application/x-www-form-urlencoded", Value::Object(fields)) => pairs(fields),
            (_, value) => value.to_string(),
        };
        Some((media.clone(), text))
    }
}

/// As in a query or a form: each value of a list separately.
fn pairs(fields: impl IntoIterator<Item = (String, Value)>) -> String {
    let each = fields.into_iter().flat_map(|(name, value)| {
        let values = if let Value::Array(values) = value { values } else { vec![value] };
        values.into_iter().map(move |value| format!("{}={}", encoded(&name), encoded(&plain(&value))))
    });
    each.collect::<Vec<_>>().join("&")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    let each = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}

fn resolve<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str().and_then(|reference| document.pointer(reference.trim_start_matches('#'))) {
        Some(target) => resolve(document, target),
        None => node,
    }
}

/// A value that a schema allows; with another number another value, if there are several.
fn sample(document: &Value, schema: &Value, number: usize) -> Value {
    let schema = resolve(document, schema);
    if let Some(inner) = schema["allOf"].get(0) {
        return sample(document, inner, number);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values[number % values.len()].clone();
    }
    if let Some(example) = schema.get("example").filter(|_| number == 0) {
        return example.clone();
    }
    match schema["type"].as_str() {
        Some("string") => text(schema, number).into(),
        Some("integer" | "number") => amount(schema, number),
        Some("boolean") => (number == 0).into(),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or_default();
            (0..usize::try_from(least).unwrap_or_default()).map(|at| sample(document, &schema["items"], at)).collect()
        }
        Some("object") => object(document, schema).into(),
        _ => json!({}),
    }
}

fn object(document: &Value, schema: &Value) -> Map<String, Value> {
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut made: Map<String, Value> =
        names.map(|name| (name.to_owned(), sample(document, &schema["properties"][name], 0))).collect();
    let least = usize::try_from(schema["minProperties"].as_u64().unwrap_or_default()).unwrap_or_default();
    let declared = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in declared {
        if made.len() < least {
            made.entry(name).or_insert_with(|| sample(document, property, 0));
        }
    }
    while made.len() < least {
        let value = sample(document, &schema["additionalProperties"], 0);
        made.insert(format!("member{}", made.len()), value);
    }
    made
}

fn text(schema: &Value, number: usize) -> String {
    let known = match schema["format"].as_str() {
        Some("date-time") => "2026-01-31T09:30:00Z",
        Some("date") => "2026-01-31",
        Some("uuid") => return format!("00000000-0000-4000-8000-{number:012}"),
        Some("email") => "nobody@example.com",
        Some("uri") => "https://example.com/",
        Some("hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("byte") => "YQ==",
        _ => {
            let least = schema["minLength"].as_u64().unwrap_or_default().max(1);
            return format!("{number:a>width$}", width = usize::try_from(least).unwrap_or(1));
        }
    };
    known.to_owned()
}

fn amount(schema: &Value, number: usize) -> Value {
    let step = schema["multipleOf"].as_f64().unwrap_or(1.0);
    let low = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let high = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    let is_open = |name: &str| schema[name] == true;
    // The smallest allowed value, or the first one that is not negative.
    let from = if low < 0.0 && high >= step { 0.0 } else { (low / step).ceil() };
    let first =
        if from * step < low || (is_open("exclusiveMinimum") && from * step <= low) { from + 1.0 } else { from };
    #[allow(clippy::cast_precision_loss, reason = "a few of them")]
    let value = (first + number as f64) * step;
    // Between two integers, if none is allowed.
    let value =
        if value > high || (is_open("exclusiveMaximum") && value >= high) { f64::midpoint(low, high) } else { value };
    #[allow(clippy::cast_possible_truncation, reason = "an integer is asked for")]
    if schema["type"] == "integer" { json!(value as i64) } else { json!(value) }
}
