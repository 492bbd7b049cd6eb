//! Requests for an operation of a document: its target, its header fields, its body, its credentials.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::references::resolve;
use super::sample::Sampler;
use super::spelling::{Style, encoded, literal, plain};
use crate::service::Person;

/// With other values and branches each time.
pub(super) const ATTEMPTS: usize = 6;
const BOUNDARY: &str = "a-boundary-of-parts";

/// An operation that is asked.
pub(super) struct Asked<'a> {
    pub(super) document: &'a Value,
    pub(super) item: &'a Value,
    pub(super) operation: &'a Value,
    pub(super) path: &'a str,
}

impl Asked<'_> {
    /// Required parameters in a location, with values.
    fn parameters(&self, place: &str, attempt: usize, doubts: &mut Vec<String>) -> Vec<(&Value, Value)> {
        let [shared, own] = [self.item, self.operation].map(|from| {
            from["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| resolve(self.document, one))
                .collect::<Vec<_>>()
        });
        let is_own = |one: &Value| own.iter().any(|other| other["in"] == one["in"] && other["name"] == one["name"]);
        let all = shared.into_iter().filter(|one| !is_own(one)).chain(own.iter().copied());
        let wanted = all.filter(|one| one["in"] == place && (one["required"] == true || place == "path"));
        wanted.map(|one| (one, self.argument(one, attempt, doubts))).collect()
    }

    fn argument(&self, parameter: &Value, attempt: usize, doubts: &mut Vec<String>) -> Value {
        let examples = [&parameter["example"], first(&parameter["examples"])];
        if let Some(example) = examples.into_iter().find(|one| !one.is_null()).filter(|_| attempt % 2 == 1) {
            doubts.push("an example".to_owned());
            return example.clone();
        }
        let media = parameter["content"].as_object().and_then(|content| content.values().next());
        let schema = media.map_or(&parameter["schema"], |media| &media["schema"]);
        let value = Sampler { document: self.document, attempt, doubts }.value(schema, 0, 0);
        let value = if media.is_some() { value.to_string().into() } else { value };
        match &value {
            Value::Object(members) if members.is_empty() => json!({"a": "b"}),
            Value::Array(_) | Value::Object(_) => value,
            // An empty text is no value of a path.
            scalar if plain(scalar).is_empty() && parameter["in"] == "path" => "a".into(),
            _ => value,
        }
    }

    /// Path and query.
    pub(super) fn target(&self, attempt: usize, doubts: &mut Vec<String>) -> String {
        let values = self.parameters("path", attempt, doubts);
        let mut target = self.base();
        for (at, part) in self.path.split('{').enumerate() {
            let (name, text) = if at == 0 { ("", part) } else { part.split_once('}').unwrap_or(("", part)) };
            if at > 0 {
                let found = values.iter().find(|(one, _)| one["name"] == name);
                target.push_str(&found.map_or_else(|| "a".to_owned(), |(one, value)| style(one).in_path(value)));
            }
            target.push_str(&literal(text));
        }
        let query = self.parameters("query", attempt, doubts);
        let query: Vec<String> = query.into_iter().flat_map(|(one, value)| style(one).pairs(&value)).collect();
        if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) }
    }

    /// The path of its server.
    fn base(&self) -> String {
        let servers = [self.operation, self.item, self.document].map(|one| &one["servers"][0]["url"]);
        let url = servers.into_iter().find_map(Value::as_str).unwrap_or_default();
        literal(url.trim_start_matches('.').trim_end_matches('/'))
    }

    pub(super) fn headers(&self, request: RequestBuilder, attempt: usize, doubts: &mut Vec<String>) -> RequestBuilder {
        let mut request = request;
        for (one, value) in self.parameters("header", attempt, doubts) {
            let name = one["name"].as_str().unwrap_or_default();
            if !["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str()) {
                request = request.header(name, style(one).in_header(&value));
            }
        }
        let cookies = self.parameters("cookie", attempt, doubts);
        let cookies: Vec<String> = cookies.into_iter().flat_map(|(one, value)| style(one).pairs(&value)).collect();
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    fn given_body(&self) -> Option<&Value> {
        Some(resolve(self.document, self.operation.get("requestBody")?))
    }

    pub(super) fn requires_body(&self) -> bool {
        self.given_body().is_some_and(|body| body["required"] == true && !self.takes_anything())
    }

    pub(super) fn takes_anything(&self) -> bool {
        let media = self.given_body().and_then(|body| body["content"].as_object());
        media.is_some_and(|media| media.keys().any(|one| one.starts_with("*/")))
    }

    pub(super) fn body(&self, request: RequestBuilder, attempt: usize, doubts: &mut Vec<String>) -> RequestBuilder {
        let content = self.given_body().and_then(|body| body["content"].as_object());
        let Some((media, content)) = content.and_then(|content| content.iter().nth(attempt / 2 % content.len().max(1)))
        else {
            return request;
        };
        let examples = [&content["example"], first(&content["examples"])];
        let example = examples.into_iter().find(|one| !one.is_null()).filter(|_| attempt % 2 == 1);
        let schema = &content["schema"];
        let value = match example {
            Some(example) => {
                doubts.push("an example".to_owned());
                example.clone()
            }
            None if schema.is_null() => json!({}),
            None => Sampler { document: self.document, attempt, doubts }.value(schema, 0, 1),
        };
        let kind = media.split(';').next().unwrap_or_default().trim().to_lowercase();
        let binary = |name: &str| {
            let schema = resolve(self.document, &resolve(self.document, schema)["properties"][name]);
            let items = resolve(self.document, &schema["items"]);
            [schema, items].iter().any(|one| one["format"] == "binary" || one["contentMediaType"].is_string())
        };
        let (media, text) = match kind.as_str() {
            "application/x-www-form-urlencoded" => (kind, form(&value)),
            "multipart/form-data" => (format!("{kind}; boundary={BOUNDARY}"), parts(&value, &binary)),
            _ if kind.ends_with("json") && !kind.contains("ndjson") && !kind.contains("seq") => {
                (kind, value.to_string())
            }
            _ if kind.contains("ndjson") || kind.contains("jsonl") => (kind, rows(&value)),
            _ if kind.contains('*') => (concrete(&kind), "bytes".to_owned()),
            _ => {
                if kind.ends_with("xml") {
                    doubts.push("XML".to_owned());
                }
                (kind, plain(&value))
            }
        };
        request.header("content-type", media).body(text)
    }

    fn security(&self) -> &[Value] {
        let declared = [&self.operation["security"], &self.document["security"]].into_iter().find_map(Value::as_array);
        declared.map_or(&[], Vec::as_slice)
    }

    /// Whether there is no way without credentials.
    pub(super) fn is_guarded(&self) -> bool {
        !self.security().is_empty()
            && self.security().iter().all(|one| one.as_object().is_some_and(|one| !one.is_empty()))
    }

    /// The schemes of an alternative that our accounts verify.
    fn schemes(&self) -> Option<Vec<&Value>> {
        if !self.is_guarded() {
            return Some(Vec::new());
        }
        let scheme = |name: &String| resolve(self.document, &self.document["components"]["securitySchemes"][name]);
        let all = self.security().iter().filter_map(Value::as_object);
        // One header has either a password or a token, which may be that of several schemes.
        let is_possible = |schemes: &[&Value]| {
            let mut kinds = schemes.iter().filter(|one| one["type"] != "apiKey").map(|one| is_basic(one));
            kinds.next().is_none_or(|first| kinds.all(|one| one == first))
        };
        all.map(|one| one.keys().map(scheme).collect::<Vec<_>>())
            .find(|schemes| is_possible(schemes) && schemes.iter().all(|one| is_ours(one)))
    }

    /// The target with the keys that belong into the query.
    pub(super) fn signed(&self, target: &str, ada: &Person) -> String {
        let schemes = self.schemes().unwrap_or_default();
        let keys = schemes.into_iter().filter(|one| one["type"] == "apiKey" && one["in"] == "query");
        let pairs = keys.map(|one| format!("{}={}", encoded(one["name"].as_str().unwrap_or_default()), ada.token));
        pairs.fold(target.to_owned(), |target, pair| {
            format!("{target}{}{pair}", if target.contains('?') { '&' } else { '?' })
        })
    }

    /// The request with credentials of one alternative; nothing if there are none of any.
    pub(super) fn credentials(&self, request: RequestBuilder, ada: &Person) -> Option<RequestBuilder> {
        let mut request = request;
        let mut is_authorized = false;
        for scheme in self.schemes()? {
            let name = scheme["name"].as_str().unwrap_or_default();
            request = match (scheme["type"].as_str(), scheme["in"].as_str()) {
                (Some("apiKey"), Some("query")) => request,
                (Some("apiKey"), Some("cookie")) => request.header("cookie", format!("{name}={}", ada.token)),
                (Some("apiKey"), _) => request.header(name, &ada.token),
                _ if std::mem::replace(&mut is_authorized, true) => request,
                (Some("http"), _) if is_basic(scheme) => request.basic_auth(&ada.email, Some(&ada.password)),
                _ => request.bearer_auth(&ada.token),
            };
        }
        Some(request)
    }
}

fn is_basic(scheme: &Value) -> bool {
    scheme["scheme"].as_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
}

/// Whether our accounts verify it.
fn is_ours(scheme: &Value) -> bool {
    let is_bearer = scheme["scheme"].as_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    match scheme["type"].as_str() {
        Some("apiKey" | "oauth2" | "openIdConnect") => true,
        Some("http") => is_bearer || is_basic(scheme),
        _ => false,
    }
}

fn first(examples: &Value) -> &Value {
    const NONE: &Value = &Value::Null;
    examples.as_object().and_then(|examples| examples.values().next()).map_or(NONE, |example| &example["value"])
}

fn style(parameter: &Value) -> Style<'_> {
    let by_default = match parameter["in"].as_str() {
        Some("query" | "cookie") => "form",
        _ => "simple",
    };
    let style = parameter["style"].as_str().unwrap_or(by_default);
    let is_exploded = parameter["explode"].as_bool().unwrap_or(style == "form");
    Style { name: parameter["name"].as_str().unwrap_or_default(), style, is_exploded }
}

fn concrete(range: &str) -> String {
    range.replace("*/*", "application/octet-stream").replace('*', "x-anything")
}

fn form(value: &Value) -> String {
    let fields = value.as_object().into_iter().flatten();
    let pairs = fields.flat_map(|(name, value)| match value {
        Value::Array(values) => values.iter().map(|one| (name, plain(one))).collect(),
        other => vec![(name, plain(other))],
    });
    pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(&value))).collect::<Vec<_>>().join("&")
}

fn rows(value: &Value) -> String {
    let rows = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn parts(value: &Value, is_binary: &dyn Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let values = if let Value::Array(values) = value { values.clone() } else { vec![value.clone()] };
        for value in values {
            let file =
                if is_binary(name) { "; filename=\"a.bin\"\r\nContent-Type: application/octet-stream" } else { "" };
            let json = if value.is_object() { "\r\nContent-Type: application/json" } else { "" };
            text += &format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}{json}\r\n\r\n{}\r\n",
                plain(&value)
            );
        }
    }
    text + &format!("--{BOUNDARY}--\r\n")
}
