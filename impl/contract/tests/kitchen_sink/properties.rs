//! Every value that the document allows is accepted and returned; every other one is rejected, with the right location.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::broken::{Broken, breaks};
use crate::document::{Operation, Parameter, Schema, operations};
use crate::exchange::{Ask, Got, ask};
use crate::valid::{As, valid};

const FORM: &str = "application/x-www-form-urlencoded";
const NDJSON: &str = "application/x-ndjson";

/// Values for one request.
#[derive(Debug, Clone)]
struct Sample {
    parameters: Vec<Option<Value>>,
    body: Option<Value>,
    media: &'static str,
}

fn sample(operation: &Operation) -> BoxedStrategy<Sample> {
    let parameters: Vec<_> = operation.parameters.iter().map(parameter).collect();
    let media = operation.media.clone();
    let how = if media.contains(&FORM) { As::Text } else { As::Json };
    let body = match operation.body {
        Some(schema) => valid(schema, how, 4).prop_map(Some).boxed(),
        None => Just(None).boxed(),
    };
    let limit = operation.limit;
    let fits = move |body: &Option<Value>| body.as_ref().is_none_or(|body| body.to_string().len() <= limit);
    (parameters, body.prop_filter("x-body-limit", fits), any::<Index>())
        .prop_map(move |(parameters, body, index)| {
            let media = if media.is_empty() { "" } else { *index.get(&media) };
            Sample { parameters, body, media }
        })
        .boxed()
}

fn parameter(parameter: &Parameter) -> BoxedStrategy<Option<Value>> {
    let place = parameter.place;
    let value = valid(parameter.schema, As::Text, 2)
        .prop_filter("sendable", move |value| sendable(place, value))
        .prop_map(Some);
    if parameter.required { value.boxed() } else { prop_oneof![Just(None), value].boxed() }
}

/// A header field holds no control characters and no spaces at its ends; an empty segment makes another path.
fn sendable(place: &str, value: &Value) -> bool {
    match (place, text(value).as_str()) {
        ("header", text) => !text.contains(|c: char| c.is_control()) && text.trim() == text,
        ("path", text) => !text.is_empty(),
        _ => true,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Names and values of a query string or form.
fn pairs(name: &str, explode: bool, value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Array(items) if explode => items.iter().for_each(|item| pairs(name, true, item, to)),
        Value::Array(items) => {
            to.push(format!("{name}={}", items.iter().map(|item| encoded(&text(item))).collect::<Vec<_>>().join(",")));
        }
        value => to.push(format!("{}={}", encoded(name), encoded(&text(value)))),
    }
}

fn request(operation: &Operation, sample: &Sample) -> Ask {
    let mut path = operation.path.to_owned();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    for (parameter, value) in operation.parameters.iter().zip(&sample.parameters) {
        let Some(value) = value else { continue };
        match parameter.place {
            "path" => path = path.replace(&format!("{{{}}}", parameter.name), &encoded(&text(value))),
            "query" => pairs(parameter.name, parameter.explode, value, &mut query),
            _ => headers.push((parameter.name, text(value))),
        }
    }
    let mut request =
        ask(&operation.method.to_uppercase(), &format!("{path}?{}", query.join("&"))).token("of-superuser");
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    match (&sample.body, sample.media) {
        (None, _) => request,
        (Some(Value::Object(members)), FORM) => {
            let mut fields = Vec::new();
            members.iter().for_each(|(name, value)| pairs(name, true, value, &mut fields));
            request.body(FORM, fields.join("&"))
        }
        (Some(Value::Array(rows)), NDJSON) => {
            request.body(NDJSON, rows.iter().map(|row| format!("{row}\n")).collect::<String>() + "\n")
        }
        (Some(body), NDJSON | FORM) => request.json(body),
        (Some(body), media) => request.body(media, body.to_string()),
    }
}

/// A value as it is returned: times in UTC, UUIDs in lower case, integers as such, defaults filled in.
fn normal(schema: Schema, value: &Value) -> Value {
    match (schema.kind(), value) {
        ("string", Value::String(text)) => match schema.text("format") {
            Some("date-time") => {
                let time =
                    DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z")));
                json!(time.expect("a time").with_timezone(&Utc))
            }
            Some("uuid") => json!(text.to_lowercase()),
            _ => value.clone(),
        },
        ("integer", Value::Number(number)) => json!(number.as_f64().map(|number| number as i64)),
        ("number", Value::Number(number)) => json!(number.as_f64()),
        ("array", Value::Array(items)) => items.iter().map(|item| normal(schema.items(), item)).collect(),
        ("object", Value::Object(members)) => {
            let mut whole: Map<String, Value> = members.clone();
            for (name, value) in &mut whole {
                let declared = schema.properties().find(|(known, _)| known == name).map(|(_, member)| member);
                if let Some(member) = declared.or(schema.others()) {
                    *value = normal(member, value);
                }
            }
            for (name, member) in schema.properties() {
                if let (false, Some(default)) = (whole.contains_key(name), member.default()) {
                    whole.insert(name.to_owned(), default.clone());
                }
            }
            whole.into()
        }
        _ => value.clone(),
    }
}

fn run<S: Strategy>(strategy: &S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config::default();
    // For each operation; `PROPTEST_CASES` sets the number.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 64 };
    let config = Config { cases, failure_persistence: None, max_global_rejects: 100_000, ..config };
    if let Err(failure) = TestRunner::new(config).run(strategy, check) {
        panic!("{failure}");
    }
}

fn send(request: Ask) -> Got {
    // Paused, so that timers take no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(request.send())
}

#[test]
fn what_the_document_allows_is_taken_and_comes_back() {
    for operation in operations() {
        let what = format!("{} {}", operation.method, operation.path);
        run(&sample(&operation), |sample| {
            let got = send(request(&operation, &sample));
            let door = [
                "validation_failed",
                "malformed_body",
                "missing_body",
                "unsupported_media_type",
                "invalid_encoding",
                "too_many_parameters",
                "body_too_large",
                "missing_token",
                "invalid_token",
                "insufficient_scope",
            ];
            let answer: Value = serde_json::from_slice(&got.body).unwrap_or_default();
            prop_assert!(!door.contains(&answer["code"].as_str().unwrap_or("")), "{what}: {answer}");
            if let (true, Some(schema), Some(body)) = (operation.echoes_body, operation.body, &sample.body) {
                prop_assert_eq!(&answer, &normal(schema, body), "{}", what);
            }
            for (parameter, value) in
                operation.parameters.iter().zip(&sample.parameters).filter(|_| operation.echoes_parameters)
            {
                let member = parameter.name.to_lowercase().replace('-', "_");
                let member = &answer[member.strip_prefix("x_").unwrap_or(&member)];
                let expected = value.as_ref().map(|value| normal(parameter.schema, value));
                match expected.or_else(|| parameter.schema.default().cloned()) {
                    Some(expected) => prop_assert_eq!(member, &expected, "{} of {}", parameter.name, what),
                    None => prop_assert!(member.is_null() || *member == json!([]), "{} of {what}", parameter.name),
                }
            }
            Ok(())
        });
    }
}

/// Where a sample can be broken: parameters first, then the body.
fn all_breaks(operation: &Operation, sample: &Sample) -> Vec<(Sample, &'static str, Broken)> {
    let mut all = Vec::new();
    for (index, (parameter, value)) in operation.parameters.iter().zip(&sample.parameters).enumerate() {
        let breaks = value.as_ref().map(|value| breaks(parameter.schema, value, As::Text)).unwrap_or_default();
        let absent = |value: &Value| value == &json!([]) && !parameter.required;
        let sent = |broken: &Broken| !absent(&broken.value) && sendable(parameter.place, &broken.value);
        for broken in breaks.into_iter().filter(sent) {
            let mut other = sample.clone();
            other.parameters[index] = Some(broken.value.clone());
            let pointer = format!("/{}{}", parameter.name, broken.pointer);
            all.push((other, parameter.place, Broken { pointer, ..broken }));
        }
    }
    if let (Some(schema), Some(body)) = (operation.body, &sample.body) {
        let how = if sample.media == FORM { As::Text } else { As::Json };
        for broken in breaks(schema, body, how) {
            all.push((Sample { body: Some(broken.value.clone()), ..sample.clone() }, "body", broken));
        }
    }
    all
}

#[test]
fn one_mistake_is_refused_at_its_place() {
    for operation in operations() {
        let what = format!("{} {}", operation.method, operation.path);
        run(&(sample(&operation), any::<Index>()), |(sample, index)| {
            let all = all_breaks(&operation, &sample);
            if all.is_empty() {
                return Ok(());
            }
            let (sample, place, broken) = index.get(&all);
            let got = send(request(&operation, sample));
            let pointer = match place {
                &"body" => format!("#{}", broken.pointer),
                _ => broken.pointer.split('/').nth(1).unwrap_or_default().to_owned(),
            };
            if operation.row_by_row && got.status == 207 {
                prop_assert!(got.text().contains(&format!("\"pointer\":\"{pointer}\"")), "{what}: {}", got.text());
                return Ok(());
            }
            prop_assert_eq!(
                got.status.as_u16(),
                422,
                "{}: {} {} {}: {}",
                what,
                broken.keyword,
                place,
                pointer,
                got.text()
            );
            prop_assert!(
                got.points_at(place, &pointer),
                "{what}: {} {place} {pointer}: {}",
                broken.keyword,
                got.text()
            );
            got.refused(422, "validation_failed");
            Ok(())
        });
    }
}
