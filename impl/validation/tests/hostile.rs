//! Schemas that nobody means, and values by which strangers would make them expensive.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use validation::{Direction, SchemaRef, Schemas, Value};

fn compile(version: &str, schemas: &Json) -> &'static Schemas {
    let document = json!({"openapi": version, "info": {}, "paths": {}, "components": {"schemas": schemas}});
    Box::leak(Box::new(Schemas::new(document.to_string().leak())))
}

fn reason(version: &str, schemas: &Json) -> String {
    compile(version, schemas).load().expect_err("a broken document")
}

#[test]
fn a_broken_schema_is_refused_with_its_place() {
    let t = "#/components/schemas/T";
    for (schema, reason_) in [
        (json!({"type": "strin"}), "/type: must be types of JSON Schema"),
        (json!({"minLength": -1}), "/minLength: must be an integer of at least 0"),
        (json!({"minimum": "1"}), "/minimum: must be a number"),
        (json!({"exclusiveMinimum": true}), "/exclusiveMinimum: must be a number"),
        (json!({"multipleOf": 0}), "/multipleOf: must be a number above 0 of at most 18 digits"),
        (json!({"required": "a"}), "/required: must be an array"),
        (json!({"allOf": []}), "/allOf: must have at least one schema"),
        (json!({"properties": {"a/b": 1}}), "/properties/a~1b: must be a schema"),
        (json!({"$ref": "#/components/schemas/U"}), ": the reference #/components/schemas/U leads nowhere"),
        (json!({"$ref": "other.yaml"}), ": the reference other.yaml leads out of the document"),
        (json!({"$ref": "#there"}), ": the reference #there names no anchor"),
    ] {
        assert_eq!(reason("3.1.0", &json!({"T": schema})), format!("{t}{reason_}"), "{schema}");
    }
    assert!(
        reason("3.1.0", &json!({"T": {"pattern": "("}})).starts_with(&format!("{t}/pattern: must have other patterns"))
    );
    assert_eq!(
        reason("3.0.3", &json!({"T": {"exclusiveMinimum": 1}})),
        format!("{t}/exclusiveMinimum: must be true or false")
    );
    assert_eq!(reason("2.0", &json!({})), "#/openapi: must be 3.0 or 3.1");
    assert!(Schemas::new("{").load().is_err() && Schemas::new("[]").load().is_err());
}

#[test]
fn a_schema_that_holds_a_value_by_itself_says_nothing_more_by_that() {
    let around = json!({
        "A": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/B"}]},
        "B": {"not": {"$ref": "#/components/schemas/A"}},
    });
    assert_eq!(compile("3.1.0", &around).load(), Ok(()));
    // Inheritance as many documents have it: the base is a union of what is made of it.
    let pet = |kind: &str, more: &str| json!({"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"kind": {"enum": [kind]}}, "required": [more]}]});
    let pets = json!({
        "Pet": {
            "type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}},
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        },
        "Cat": pet("cat", "lives"),
        "Dog": pet("dog", "tail"),
    });
    for version in ["3.0.3", "3.1.0"] {
        let schemas = compile(version, &pets);
        assert_eq!(schemas.load(), Ok(()));
        for (text, valid) in [
            (r#"{"kind":"cat","lives":9}"#, true),
            (r#"{"kind":"dog","tail":1}"#, true),
            (r#"{"kind":"cat"}"#, false),
            (r#"{"kind":"cow","lives":9}"#, false),
            (r#"{"lives":9}"#, false),
        ] {
            let value = Value::from_json(text.as_bytes()).expect("JSON");
            for name in ["Pet", if text.contains("dog") { "Dog" } else { "Cat" }] {
                let schema = SchemaRef::new(schemas, format!("/components/schemas/{name}").leak());
                assert_eq!(schema.accepts(&value, Direction::Request), valid, "{version} {name} {text}");
            }
        }
    }
    // One step down is progress.
    let list = json!({"A": {"properties": {"next": {"$ref": "#/components/schemas/A"}}}});
    assert_eq!(compile("3.1.0", &list).load(), Ok(()));
    for length in [102, 10_000] {
        let reference = |index: usize| json!({"$ref": format!("#/components/schemas/S{}", index + 1)});
        let mut chain: serde_json::Map<_, _> =
            (0..length).map(|index| (format!("S{index}"), reference(index))).collect();
        chain.insert(format!("S{length}"), json!({}));
        assert!(reason("3.1.0", &chain.into()).ends_with("has more than 100 schemas one in the other"));
    }
}

/// A value of so many objects one in the other.
fn nested(depth: usize, innermost: &str) -> String {
    format!("{}{innermost}{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
}

#[test]
fn recursion_through_several_branches_takes_no_exponential_time() {
    let node = json!({"$ref": "#/components/schemas/T"});
    for several in ["anyOf", "oneOf", "allOf"] {
        let twice = json!({"T": {several: [
            {"type": "object", "properties": {"a": node}, "required": ["a"]},
            {"type": "object", "properties": {"a": node}, "unevaluatedProperties": false},
            {"type": "object", "properties": {"a": node}, "maxProperties": 3},
        ]}});
        let schemas = compile("3.1.0", &twice);
        let schema = SchemaRef::new(schemas, "/components/schemas/T");
        for innermost in ["{}", "1", r#"{"a":null,"b":1,"c":1,"d":1}"#] {
            let text = nested(100, innermost);
            let value = Value::from_json(text.as_bytes()).expect("JSON");
            let found = schema.violations(&value, Direction::Request);
            assert!(found.len() < 33 && found.iter().all(|error| error.code != "too_complex"), "{several} {found:?}");
        }
    }
}

#[test]
fn depth_is_bounded_and_needs_no_more_than_the_usual_stack() {
    // Each level of the value takes nearly a hundred levels of schemas.
    let mut schemas = json!({"S48": {"properties": {"a": {"$ref": "#/components/schemas/T"}}}});
    schemas["T"] = json!({"$ref": "#/components/schemas/S1"});
    for index in 1..48 {
        schemas[format!("S{index}")] = json!({"allOf": [{"$ref": format!("#/components/schemas/S{}", index + 1)}]});
    }
    let schema = SchemaRef::new(compile("3.1.0", &schemas), "/components/schemas/T");
    let (flat, deep) = (nested(3, "1"), nested(100, "1"));
    let value = |text: &'static str| Value::from_json(text.as_bytes()).expect("JSON");
    assert!(schema.accepts(&value(flat.leak()), Direction::Request));
    let found = schema.violations(&value(deep.leak()), Direction::Request);
    assert_eq!(found.iter().map(|error| error.code).collect::<Vec<_>>(), ["too_complex"]);
}

#[test]
fn our_own_documents_have_schemas_throughout() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../generated");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).expect("generated/") {
        if let Ok(document) = std::fs::read_to_string(entry.expect("a folder").path().join("openapi.json")) {
            let schemas: &'static Schemas = Box::leak(Box::new(Schemas::house(document.leak())));
            assert_eq!(schemas.load(), Ok(()));
            found += 1;
        }
    }
    assert!(found > 3);
}

const KEYWORDS: [&str; 60] = [
    "$ref",
    "$ref",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$defs",
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "format",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "required",
    "nullable",
    "readOnly",
    "writeOnly",
    "discriminator",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "items",
    "properties",
    "additionalProperties",
    "if",
    "then",
    "else",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
    "x-text",
    "x-assume-utc",
    "propertyName",
    "mapping",
    "a",
    "b",
    "allOf",
    "anyOf",
    "properties",
    "items",
    "unevaluatedProperties",
];
const TEXTS: [&str; 18] = [
    "#",
    "#/components/schemas/T",
    "#/components/schemas/U",
    "#/components/schemas/U/properties/a",
    "#a",
    "#%ff",
    "a",
    "b#a",
    "urn:x:y",
    "string",
    "object",
    "array",
    "date-time",
    "(",
    "^a",
    "name",
    "1e400",
    "",
];

/// Whatever may stand where a schema or a value does.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3_i64..4).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop::sample::select(&TEXTS[..]).prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        let name = prop::sample::select(&KEYWORDS[..]).prop_map(str::to_owned);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            4 => prop::collection::hash_map(name, inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Takes out what is no schema, until the rest is a document.
fn mended(version: &str, mut schemas: Json) -> Json {
    while let Err(reason) = compile(version, &schemas).load() {
        let place =
            reason.strip_prefix("#/components/schemas").and_then(|rest| rest.split(": ").next()).unwrap_or("/T");
        match schemas.pointer_mut(place) {
            Some(place) if !place.is_object() || place.as_object().is_some_and(serde_json::Map::is_empty) => {
                *place = json!(true);
            }
            Some(place) => *place = json!({}),
            None => schemas = json!({"T": {}, "U": {}}),
        }
        // A keyword goes, a schema becomes empty.
        if let Some((parent, keyword)) = place.rsplit_once('/')
            && !parent.is_empty()
            && reason.contains(": must ")
            && let Some(Json::Object(members)) = schemas.pointer_mut(parent)
        {
            members.remove(&keyword.replace("~1", "/").replace("~0", "~"));
        }
    }
    schemas
}

proptest! {
    #[test]
    fn any_json_may_be_schema_and_value(
        (t, u) in (anything(), anything()),
        values in prop::collection::vec(anything(), 1..5),
        version in prop::sample::select(vec!["3.0.3", "3.1.0"]),
    ) {
        let schemas = json!({"T": t, "U": u});
        let schemas = compile(version, &mended(version, schemas));
        let schema = SchemaRef::new(schemas, "/components/schemas/T");
        for value in values {
            let text = value.to_string();
            let value = Value::from_json(text.as_bytes()).expect("JSON");
            for direction in [Direction::Request, Direction::Response] {
                let found = schema.violations(&value, direction);
                prop_assert_eq!(schema.accepts(&value, direction), found.is_empty());
                prop_assert!(found.iter().all(|error| error.code != "invalid_document"));
            }
        }
    }

    #[test]
    fn any_json_may_be_a_document((paths, components) in (anything(), anything())) {
        let document = json!({"openapi": "3.1.0", "paths": paths, "components": components});
        let _ = Schemas::new(document.to_string().leak()).load();
    }
}
