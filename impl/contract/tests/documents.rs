//! The patterns and defaults of every document can be read by the runtime.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use contract::{Decoder, Pattern, Place, Text, Value as Tree};
use proptest::prelude::*;
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
    // The kitchen sink, and the common document.
    assert!(documents.len() >= 2, "{} documents", documents.len());
    documents
}

/// Every schema with a keyword, and the keyword's value.
fn each(node: &Value, keyword: &str, found: &mut impl FnMut(&Value, &Value)) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| each(item, keyword, found)),
        Value::Object(members) => {
            if let (Some(said), true) = (members.get(keyword), members.contains_key("type")) {
                found(node, said);
            }
            for (name, member) in members.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str())) {
                match (name.as_str(), member) {
                    // Names of members, which may equal keywords.
                    ("properties", Value::Object(named)) => named.values().for_each(|one| each(one, keyword, found)),
                    _ => each(member, keyword, found),
                }
            }
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
    assert!(patterns > 10, "{patterns}");
}

/// The minimum length and the pattern of every name.
fn names() -> &'static [(usize, Pattern)] {
    static NAMES: OnceLock<Vec<(usize, Pattern)>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut patterns = BTreeMap::new();
        for (_, document) in documents() {
            each(&document, "x-text", &mut |schema, _| {
                let min = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).expect("a length");
                let pattern = schema["pattern"].as_str().expect("every name has one").to_owned();
                assert!(pattern.is_ascii(), "some of its characters nobody would see: {pattern}");
                patterns.insert(pattern, min);
            });
        }
        assert!(!patterns.is_empty(), "no document has a name");
        patterns.into_iter().map(|(pattern, min)| (min, Pattern::new(pattern.leak()))).collect()
    })
}

fn typed() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        3 => any::<char>(),
        3 => prop::sample::select(vec![' ', '\u{a0}', '\u{200b}', '\u{fe0f}', '\u{2028}', '\t', '\u{85}', '\u{1c}', '\0', '\u{7f}', '\u{3164}']),
        3 => prop::char::range('a', 'c'),
    ];
    prop::collection::vec(char, 0..7).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    /// The pattern accepts a text if, and only if, its normalized form is a valid name.
    #[test]
    fn every_name_says_in_its_pattern_what_is_done_with_it(text in typed()) {
        let keep = |text: &str| Decoder::new(Place::Body).string(Tree::String(text.into()), &Text::ANY.name()).expect("a string");
        let kept = keep(&text);
        prop_assert_eq!(&keep(&kept), &kept);
        for (min, pattern) in names() {
            let is_name = kept.chars().count() >= *min && !kept.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
            prop_assert_eq!(pattern.matches(&text), is_name, "{:?} of at least {}", text, min);
            prop_assert_eq!(pattern.matches(&kept), is_name);
        }
    }
}

#[test]
fn every_default_keeps_its_own_limits() {
    // What others wrote is taken as it is.
    for (name, document) in documents().into_iter().filter(|(_, document)| document["x-service"]["lint"] != "any") {
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
