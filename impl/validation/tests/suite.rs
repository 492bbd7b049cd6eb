//! The public tests of JSON Schema, for every keyword that OpenAPI has (suite/LICENSE): draft 4 as OpenAPI 3.0, 2020-12 as 3.1.
//!
//! Files that are not here: of draft 4 `additionalItems`, `definitions`, `dependencies`, `patternProperties` and `id`, which OpenAPI 3.0
//! does not have, and `zeroTerminatedFloats`: 1.0 is an integer here, as in later drafts; references to other documents (`refRemote`, `defs`, `vocabulary`), which a bundled document does not have;
//! `format.json` of 2020-12, where formats assert nothing.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use validation::{Direction, SchemaRef, Schemas, Value};

#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Box<RawValue>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    description: String,
    data: Box<RawValue>,
    valid: bool,
}

/// A group, and why it is not claimed.
type Unclaimed = (&'static str, &'static str, &'static str);

const POINTER: &str = "/components/schemas/T";

/// The document whose only schema this is, and what became of references in it.
fn document(version: &str, schema: &str) -> (String, fn(&str) -> String) {
    fn moved(text: &str) -> String {
        let there = |text: &str, keyword: &str| {
            let begin = format!("\"{keyword}\":\"#");
            let moved = format!("{begin}{POINTER}");
            text.replace(&format!("{begin}/"), &format!("{moved}/"))
                .replace(&format!("{begin}\""), &format!("{moved}\""))
        };
        there(&there(text, "$ref"), "$dynamicRef")
    }
    fn same(text: &str) -> String {
        text.to_owned()
    }
    let wrapped = |schema: &str| {
        format!(r#"{{"openapi":"{version}","info":{{}},"paths":{{}},"components":{{"schemas":{{"T":{schema}}}}}}}"#)
    };
    match schema.strip_prefix('{') {
        Some(rest) if version == "3.1.0" && rest.contains("\"$id\"") => {
            let begins = |name: &str| {
                serde_json::from_str::<HashMap<String, Box<RawValue>>>(schema).is_ok_and(|s| s.contains_key(name))
            };
            let id = if begins("$id") { "" } else { r#""$id":"https://suite.invalid/T","# };
            (wrapped(&format!("{{{id}{rest}")), same)
        }
        _ => (wrapped(&moved(schema)), moved),
    }
}

/// Runs all of a draft, and says how many cases ran.
fn run(version: &str, suite: &str, unclaimed: &[Unclaimed]) -> usize {
    let files: HashMap<String, Vec<Group>> = serde_json::from_str(suite).expect("the suite");
    let (mut ran, mut wrong, mut used) = (0, Vec::new(), vec![false; unclaimed.len()]);
    for (file, groups) in &files {
        for group in groups {
            let mut left_out = |description: &str| {
                let found = unclaimed.iter().position(|(in_file, name, _)| in_file == file && *name == description);
                found.inspect(|index| used[*index] = true).is_some()
            };
            if left_out(&group.description) {
                continue;
            }
            let (text, respell) = document(version, group.schema.get());
            let schemas: &'static Schemas = Box::leak(Box::new(Schemas::new(text.leak())));
            let schema = SchemaRef::new(schemas, POINTER);
            if let Err(reason) = schemas.load() {
                wrong.push(format!("{file}: {}: {reason}", group.description));
                continue;
            }
            for case in &group.tests {
                let data = respell(case.data.get());
                let value = Value::from_json(data.as_bytes()).expect("JSON");
                let valid = schema.accepts(&value, Direction::Request);
                ran += 1;
                if valid != case.valid {
                    wrong.push(format!("{file}: {}: {}: {valid}", group.description, case.description));
                }
                assert_eq!(
                    schema.violations(&value, Direction::Request).is_empty(),
                    valid,
                    "{file}: {}",
                    group.description
                );
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
    let unused: Vec<_> = unclaimed.iter().zip(used).filter(|(_, used)| !used).map(|(entry, _)| entry).collect();
    assert!(unused.is_empty(), "not in the suite: {unused:?}");
    ran
}

/// OpenAPI 3.0 has no tuples (`items` as an array), no `patternProperties`, and no `id`: documents have no other base than their own.
const NOT_IN_3_0: &[Unclaimed] = &[
    ("additionalProperties", "additionalProperties being false does not allow other properties", PATTERNS),
    ("additionalProperties", "non-ASCII pattern with additionalProperties", PATTERNS),
    ("items", "an array of schemas for items", TUPLES),
    ("items", "array-form items with null instance elements", TUPLES),
    ("items", "items and subitems", TUPLES),
    ("optional/ecmascript-regex", "\\d in patternProperties matches [0-9], not unicode digits", PATTERNS),
    ("optional/ecmascript-regex", "\\w in patternProperties matches [A-Za-z0-9_], not unicode letters", PATTERNS),
    ("optional/ecmascript-regex", "patternProperties with ASCII ranges", PATTERNS),
    ("optional/ecmascript-regex", "patternProperties with non-ASCII digits", PATTERNS),
    ("optional/ecmascript-regex", "patterns always use unicode semantics with patternProperties", PATTERNS),
    ("optional/non-bmp-regex", "Proper UTF-16 surrogate pair handling: patternProperties", PATTERNS),
    ("properties", "properties, patternProperties, additionalProperties interaction", PATTERNS),
    ("ref", "$ref prevents a sibling id from changing the base uri", ID),
    ("ref", "Location-independent identifier", ID),
    ("ref", "Location-independent identifier with base URI change in subschema", ID),
    ("ref", "Recursive references between schemas", ID),
    ("ref", "id must be resolved against nearest parent, not just immediate parent", ID),
    ("ref", "relative pointer ref to array", TUPLES),
    ("ref", "remote ref, containing refs itself", REMOTE),
    ("uniqueItems", "uniqueItems with an array of items", TUPLES),
    ("uniqueItems", "uniqueItems with an array of items and additionalItems=false", TUPLES),
    ("uniqueItems", "uniqueItems=false with an array of items", TUPLES),
    ("uniqueItems", "uniqueItems=false with an array of items and additionalItems=false", TUPLES),
];

const NOT_IN_3_1: &[Unclaimed] = &[
    ("dynamicRef", "$ref and $dynamicAnchor are independent of order - $defs first", REMOTE),
    ("dynamicRef", "$ref and $dynamicAnchor are independent of order - $ref first", REMOTE),
    ("dynamicRef", "$ref to $dynamicRef finds detached $dynamicAnchor", REMOTE),
    ("dynamicRef", "strict-tree schema, guards against misspelled properties", REMOTE),
    ("dynamicRef", "tests for implementation dynamic anchor and reference link", REMOTE),
    ("ref", "remote ref, containing refs itself", REMOTE),
];

const PATTERNS: &str = "OpenAPI 3.0 has no patternProperties";
const TUPLES: &str = "OpenAPI 3.0 has no items as an array";
const ID: &str = "OpenAPI 3.0 has no id";
const REMOTE: &str = "refers to another document";

#[test]
fn draft_4_is_openapi_3_0() {
    let ran = run("3.0.3", include_str!("suite/draft4.json"), NOT_IN_3_0);
    assert_eq!(ran, 684);
}

#[test]
fn draft_2020_12_is_openapi_3_1() {
    let ran = run("3.1.0", include_str!("suite/draft2020-12.json"), NOT_IN_3_1);
    assert_eq!(ran, 1676);
}
