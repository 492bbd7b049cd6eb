//! What every document of ours says has to be readable by the runtime: patterns and defaults.

use std::fs;
use std::path::PathBuf;

use contract::{Decoder, Pattern, Place, Text, Value as Tree};
use serde_json::Value;

/// The bundled documents of all generated crates.
fn documents() -> Vec<(String, Value)> {
    let generated = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../generated");
    let crates = fs::read_dir(generated).expect("generated crates").map(|entry| entry.expect("an entry").path());
    let documents: Vec<_> = crates
        .filter(|path| path.display().to_string().ends_with("-api"))
        .map(|path| {
            let text = fs::read_to_string(path.join("openapi.json")).expect("a document");
            (path.display().to_string(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    assert!(documents.len() >= 4, "{documents:?}");
    documents
}

/// Every schema with a keyword, and what the keyword says.
fn each(node: &Value, keyword: &str, found: &mut impl FnMut(&Value, &Value)) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| each(item, keyword, found)),
        Value::Object(members) => {
            if let (Some(said), true) = (members.get(keyword), members.contains_key("type")) {
                found(node, said);
            }
            let inner = members.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
            inner.for_each(|(_, member)| each(member, keyword, found));
        }
        _ => (),
    }
}

#[test]
fn no_document_refers_to_another() {
    fn walk(name: &str, node: &Value) {
        match node {
            Value::Array(items) => items.iter().for_each(|item| walk(name, item)),
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    assert!(reference.starts_with("#/"), "{name}: whoever is served this has no {reference}");
                }
                members.values().for_each(|member| walk(name, member));
            }
            _ => (),
        }
    }
    for (name, document) in documents() {
        walk(&name, &document);
    }
}

#[test]
fn every_pattern_compiles() {
    let mut patterns = 0;
    for (name, document) in documents() {
        each(&document, "pattern", &mut |schema, source| {
            let source = source.as_str().expect("a pattern is text").to_owned().leak();
            let pattern: &'static Pattern = Box::leak(Box::new(Pattern::new(source)));
            pattern.matches("anything");
            patterns += 1;
            let Some(example) = schema["example"].as_str() else { return };
            let mut at = Decoder::new(Place::Body);
            let taken = at.string(Tree::String(example.into()), &Text::ANY.pattern(pattern));
            assert!(taken.is_some(), "{name}: {source} refuses its own example {example:?}");
        });
    }
    assert!(patterns > 20, "{patterns}");
}

#[test]
fn every_name_says_in_its_pattern_what_is_done_with_it() {
    let mut names = 0;
    for (document, spec) in documents() {
        each(&spec, "x-text", &mut |schema, _| {
            let min = schema["minLength"].as_u64().unwrap_or(0);
            let wanted = contract::name_pattern(usize::try_from(min).expect("a length"));
            assert_eq!(schema["pattern"].as_str(), Some(&*wanted), "{document}: {schema}");
            names += 1;
        });
    }
    assert!(names > 5, "{names}");
}

#[test]
fn every_default_keeps_its_own_limits() {
    for (name, document) in documents() {
        each(&document, "default", &mut |schema, default| {
            let fits = match default {
                Value::String(text) => {
                    let length = text.chars().count() as u64;
                    schema["enum"].as_array().is_none_or(|values| values.contains(default))
                        && schema["minLength"].as_u64().is_none_or(|min| min <= length)
                        && schema["maxLength"].as_u64().is_none_or(|max| length <= max)
                }
                Value::Number(number) => {
                    let number = number.as_f64().expect("a number");
                    schema["minimum"].as_f64().is_none_or(|min| min <= number)
                        && schema["maximum"].as_f64().is_none_or(|max| number <= max)
                }
                Value::Bool(_) => schema["type"] == "boolean",
                _ => false,
            };
            assert!(fits, "{name}: the default {default} breaks {schema}");
        });
    }
}
