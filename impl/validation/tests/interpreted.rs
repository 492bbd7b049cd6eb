//! What the interpreter reports, and what depends on more than the value: direction, house rules, untyped text.

use validation::{Decoder, Direction, FieldError, Place, SchemaRef, Schemas, Text, Value};

const POINTER: &str = "/components/schemas/T";

/// The schema `T` of a document with some schemas.
fn schema(version: &str, schemas: &str) -> &'static SchemaRef {
    leak(Schemas::new(document(version, schemas)))
}

fn document(version: &str, schemas: &str) -> &'static str {
    format!(r#"{{"openapi":"{version}","info":{{}},"paths":{{}},"components":{{"schemas":{schemas}}}}}"#).leak()
}

fn leak(schemas: Schemas) -> &'static SchemaRef {
    let schemas: &'static Schemas = Box::leak(Box::new(schemas));
    assert_eq!(schemas.load(), Ok(()));
    Box::leak(Box::new(SchemaRef::new(schemas, POINTER)))
}

fn told(schema: &SchemaRef, value: &Value<'_>, direction: Direction) -> Vec<String> {
    let line = |error: FieldError| format!("{} {}: {}", error.pointer.unwrap_or_default(), error.code, error.detail);
    let found: Vec<_> = schema.violations(value, direction).into_iter().map(line).collect();
    assert_eq!(schema.accepts(value, direction), found.is_empty());
    found
}

fn json(text: &str) -> Value<'_> {
    Value::from_json(text.as_bytes()).expect("JSON")
}

/// What is told of a value of the 3.1 schema `T`.
fn of(one: &str, value: &str) -> Vec<String> {
    told(schema("3.1.0", &format!(r#"{{"T":{one}}}"#)), &json(value), Direction::Request)
}

#[test]
fn violations_have_a_place_a_code_and_words() {
    for (one, value, found) in [
        (r#"{"type":"integer"}"#, "1.5", "# wrong_type: Must be an integer."),
        (r#"{"type":["integer","null"]}"#, "true", "# wrong_type: Must be an integer or null."),
        (r#"{"type":["number","integer"]}"#, "null", "# null_not_allowed: Must be a number, not null."),
        (r#"{"enum":["a",1.50,null,[1]]}"#, "2", "# not_in_enum: Must be one of: a, 1.5, null, [1]."),
        (r#"{"const":"a"}"#, r#""b""#, "# not_in_enum: Must be one of: a."),
        (r#"{"maximum":9007199254740993}"#, "9007199254740994", "# too_large: Must be at most 9007199254740993."),
        (r#"{"multipleOf":0.01}"#, "5629499534213.125", "# not_a_multiple: Must be a multiple of 0.01."),
        (r#"{"type":"integer","format":"int32"}"#, "2147483648", "# too_large: Must be at most 2147483647."),
        (r#"{"minLength":2}"#, r#""é""#, "# too_short: Must have at least 2 characters."),
        (r#"{"format":"date-time"}"#, r#""now""#, "# invalid_format: Must have the format date-time (RFC 3339)."),
        (r#"{"items":{"type":"string"}}"#, r#"["a",1]"#, "#/1 wrong_type: Must be a string."),
        (r#"{"prefixItems":[true],"items":false}"#, "[1,2]", "# too_many_items: Must have at most 1 items."),
        (r#"{"properties":{"a":false}}"#, r#"{"a":1}"#, "#/a not_allowed: Is not allowed."),
        (r#"{"required":["a/b"]}"#, "{}", "#/a~1b required: Is required."),
        (r#"{"dependentRequired":{"a":["b"]}}"#, r#"{"a":1}"#, "#/b dependent_required: Is required together with a."),
        (r#"{"additionalProperties":false}"#, r#"{"a":1}"#, "#/a unknown_member: Unknown field."),
        (
            r#"{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}"#,
            r#"{"a":1,"b":1}"#,
            "#/b unknown_member: Unknown field.",
        ),
        (
            r#"{"propertyNames":{"maxLength":1}}"#,
            r#"{"ab":1}"#,
            "#/ab invalid_name: The name is not allowed: Must have at most 1 characters.",
        ),
        (
            r#"{"contains":{"type":"null"},"minContains":2}"#,
            "[null]",
            "# not_contained: Must have at least 2 items of a kind that the API specification describes.",
        ),
        (
            r#"{"contains":{"type":"null"},"maxContains":0,"minContains":0}"#,
            "[null]",
            "# too_many_contained: Must have at most 0 items of a kind that the API specification describes.",
        ),
        (r#"{"not":{"type":"null"}}"#, "null", "# not_allowed: Must not be what the API specification excludes."),
        (r#"{"if":{"required":["a"]},"then":{"required":["b"]}}"#, r#"{"a":1}"#, "#/b required: Is required."),
    ] {
        assert_eq!(of(one, value), [found], "{one}");
    }
}

#[test]
fn all_violations_are_told_once_and_32_at_most() {
    let twice = r#"{"allOf":[{"required":["a"]},{"required":["a","b"]}],"properties":{"c":{"type":"string"}}}"#;
    let found = ["#/a required: Is required.", "#/b required: Is required.", "#/c wrong_type: Must be a string."];
    assert_eq!(of(twice, r#"{"c":1}"#), found);
    let many = format!("[{}]", ["1"; 100].join(","));
    assert_eq!(of(r#"{"items":{"type":"string"}}"#, &many).len(), 32);
}

#[test]
fn numbers_are_what_was_written() {
    // What other validators say otherwise, who divide and compare doubles.
    for (one, value) in [
        (r#"{"multipleOf":1.5}"#, "9007199254740993"),
        (r#"{"multipleOf":0.1}"#, "0.3"),
        (r#"{"type":"integer"}"#, "1.0"),
        (r#"{"exclusiveMinimum":9007199254740992}"#, "9007199254740993"),
        (r#"{"const":1e2}"#, "100.0"),
        (r#"{"not":{"const":9007199254740992}}"#, "9007199254740993"),
        (r#"{"uniqueItems":true}"#, "[9007199254740992,9007199254740993]"),
        (r#"{"not":{"type":"integer"}}"#, "1.00000000000000000001"),
    ] {
        assert_eq!(of(one, value), [""; 0], "{one}");
    }
}

#[test]
fn long_lists_are_cut_short() {
    let values: Vec<_> = (0..5_000).map(|value| format!("\"value-{value}\"")).collect();
    let found = of(&format!(r#"{{"items":{{"enum":[{}]}}}}"#, values.join(",")), "[1,2]");
    assert!(found.len() == 2 && found.iter().all(|line| line.len() < 1_100 && line.ends_with(", ....")), "{found:?}");
}

const PETS: &str = r##"{
    "T": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]},
    "Cat": {"type": "object", "required": ["kind", "lives"], "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}},
    "Dog": {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["dog", "wolf"]}, "name": {"type": "string"}}}
}"##;

#[test]
fn a_union_tells_of_the_branch_that_is_meant() {
    let pets = schema("3.1.0", PETS);
    let told = |value| told(pets, &json(value), Direction::Request);
    assert_eq!(told(r#"{"kind":"dog"}"#), [""; 0]);
    assert_eq!(told(r#"{"kind":"cat"}"#), ["#/lives required: Is required."]);
    assert_eq!(told(r#"{"kind":"wolf","name":1}"#), ["#/name wrong_type: Must be a string."]);
    assert_eq!(told(r#"{"kind":"cow"}"#), ["# no_match: Must match one of the alternatives: Cat, Dog."]);
    assert_eq!(told("[]"), ["# wrong_type: Must be an object."]);
    // By type alone.
    let one = r#"{"anyOf":[{"type":"string","maxLength":1},{"type":"integer","minimum":3},{"type":"null"}]}"#;
    assert_eq!(of(one, "2"), ["# too_small: Must be at least 3."]);
    assert_eq!(of(one, "true"), ["# wrong_type: Must be a string or an integer or null."]);
    assert_eq!(
        of(r#"{"oneOf":[{"type":"number"},{"type":"integer"},false]}"#, "2"),
        ["# ambiguous: Must match exactly one alternative, but matches a number and an integer."]
    );
}

#[test]
fn a_discriminator_says_which_branch_is_meant_and_decides_nothing() {
    let named = PETS.replace(r#""T": {"#, r##""T": {"discriminator": {"propertyName": "kind", "mapping": {"mog": "Cat", "wolf": "#/components/schemas/Dog"}}, "##);
    let pets = schema("3.1.0", &named);
    let told = |value| told(pets, &json(value), Direction::Request);
    // Names of schemas and of the mapping; valid is what the schemas say, whatever the mapping.
    assert_eq!(told(r#"{"kind":"dog"}"#), [""; 0]);
    assert_eq!(
        told(r#"{"kind":"mog"}"#),
        ["#/lives required: Is required.", "#/kind not_in_enum: Must be one of: cat."]
    );
    assert_eq!(told(r#"{"kind":"Cat","lives":1}"#), ["#/kind not_in_enum: Must be one of: cat."]);
    assert_eq!(told(r#"{"kind":"cow"}"#), ["#/kind not_in_enum: Must be one of: mog, wolf."]);
    assert_eq!(told("{}"), ["# no_match: Must match one of the alternatives: Cat, Dog."]);
}

#[test]
fn read_only_and_write_only_go_by_direction() {
    let schemas = r##"{
        "T": {"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id", "key", "name"]}]},
        "Base": {"type": "object", "properties": {
            "id": {"allOf": [{"$ref": "#/components/schemas/Id"}], "readOnly": true}, "key": {"$ref": "#/components/schemas/Key"},
            "name": {"type": "string"}}},
        "Id": {"type": "string"},
        "Key": {"type": "string", "writeOnly": true}
    }"##;
    for version in ["3.0.3", "3.1.0"] {
        let told = |value, direction| told(schema(version, schemas), &json(value), direction);
        assert_eq!(told(r#"{"key":"k"}"#, Direction::Request), ["#/name required: Is required."]);
        assert_eq!(told(r#"{"key":"k","name":"n","id":"1"}"#, Direction::Request), [""; 0]);
        assert_eq!(
            told(r#"{"id":1,"name":"n","key":"k"}"#, Direction::Request),
            ["#/id wrong_type: Must be a string."]
        );
        assert_eq!(told(r#"{"name":"n"}"#, Direction::Response), ["#/id required: Is required."]);
        assert_eq!(told(r#"{"id":"1","name":"n"}"#, Direction::Response), [""; 0]);
        assert_eq!(
            told(r#"{"id":"1","name":"n","key":"k"}"#, Direction::Response),
            ["#/key write_only: Must not be in a response."]
        );
    }
}

#[test]
fn null_is_by_the_letter_but_in_our_own_documents() {
    let schemas = r##"{
        "T": {"type": "object", "properties": {
            "a": {"type": "object", "nullable": true, "allOf": [{"$ref": "#/components/schemas/A"}]},
            "b": {"type": "string", "nullable": true, "enum": ["b"]},
            "c": {"nullable": true, "minLength": 1},
            "d": {"type": "string", "nullable": true}}},
        "A": {"type": "object"}
    }"##;
    let (letter, house) = (schema("3.0.3", schemas), leak(Schemas::house(document("3.0.3", schemas))));
    for (value, by_letter) in
        [(r#"{"a":null}"#, false), (r#"{"b":null}"#, false), (r#"{"c":null}"#, true), (r#"{"d":null}"#, true)]
    {
        assert_eq!(letter.accepts(&json(value), Direction::Request), by_letter, "{value}");
        assert!(house.accepts(&json(value), Direction::Request), "{value}");
    }
    let found = told(letter, &json(r#"{"a":null,"b":null}"#), Direction::Request);
    assert_eq!(found, ["#/a null_not_allowed: Must be an object, not null.", "#/b not_in_enum: Must be one of: b."]);
    // 3.1 has no such keyword.
    assert!(!schema("3.1.0", schemas).accepts(&json(r#"{"d":null}"#), Direction::Request));
}

#[test]
fn names_and_times_of_our_own_are_what_the_decoder_takes() {
    let schemas = r#"{"T": {"properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4, "x-text": "name"},
        "time": {"type": "string", "format": "date-time", "x-assume-utc": true}}}}"#;
    let house = leak(Schemas::house(document("3.0.3", schemas)));
    let told = |value| told(house, &json(value), Direction::Response);
    assert_eq!(told(r#"{"name":" ab ","time":"2024-01-01"}"#), [""; 0]);
    assert_eq!(
        told(r#"{"name":"  a ","time":"tomorrow"}"#),
        [
            "#/name too_short: Must have at least 2 characters.",
            "#/time invalid_format: Must have the format date-time (RFC 3339).",
        ]
    );
    assert_eq!(told(r#"{"name":"  ab "}"#), ["#/name too_long: Must have at most 4 characters."]);
}

#[test]
fn text_of_parameters_is_read_as_what_the_schema_wants() {
    let text = |one: &str, text: &'static str| {
        told(schema("3.1.0", &format!(r#"{{"T":{one}}}"#)), &Value::Text(text.into()), Direction::Request)
    };
    for (one, valid) in [
        (r#"{"type":"integer","minimum":5}"#, "7"),
        (r#"{"type":"string","minLength":1}"#, "7"),
        (r#"{"type":"boolean"}"#, "true"),
        (r#"{"enum":[1,2]}"#, "2"),
        (r#"{"enum":["1","2"]}"#, "2"),
        (r#"{"const":0.10}"#, "0.1"),
        (r#"{"type":["integer","boolean"]}"#, "false"),
        (r#"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#, "1"),
        (r#"{"type":"array","items":{"type":"integer"}}"#, "1"),
        (r#"{"allOf":[{"type":"integer"},{"minimum":1}]}"#, "1"),
    ] {
        assert_eq!(text(one, valid), [""; 0], "{one}");
    }
    for (one, invalid, found) in [
        (r#"{"type":"integer","minimum":5}"#, "4", "# too_small: Must be at least 5."),
        (r#"{"type":"integer","minimum":5}"#, "x", "# wrong_type: Must be an integer."),
        (r#"{"type":"string","minLength":2}"#, "1", "# too_short: Must have at least 2 characters."),
        (r#"{"type":"array","items":{"type":"integer"}}"#, "x", "#/0 wrong_type: Must be an integer."),
        (r#"{"enum":[1,2]}"#, "3", "# not_in_enum: Must be one of: 1, 2."),
        // A list of lists is no text.
        (r##"{"type":"array","items":{"$ref":"#/components/schemas/T"}}"##, "x", "#/0 wrong_type: Must be an array."),
    ] {
        assert_eq!(text(one, invalid), [found], "{one}");
    }
    let list = schema("3.1.0", r#"{"T":{"type":"array","uniqueItems":true,"items":{"type":"number"}}}"#);
    let repeated = |items: [&'static str; 2]| Value::Repeated(items.map(|item| Value::Text(item.into())).into());
    assert!(list.accepts(&repeated(["1", "2"]), Direction::Request));
    assert!(!list.accepts(&repeated(["1", "1.0"]), Direction::Request));
    let form = schema("3.1.0", r#"{"T":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}"#);
    let found = told(form, &Value::Object(vec![("n".into(), repeated(["1", "2"]))]), Direction::Request);
    assert_eq!(found, ["#/n duplicate: Must be given exactly once."]);
}

#[test]
fn what_is_checked_is_decoded_by_its_shape_and_checked_once() {
    let pets = schema("3.1.0", PETS);
    let mut at = Decoder::new(Place::Query);
    let mut ran = 0;
    let decoded = at.named("pet", |at| {
        at.checked(json(r#"{"kind":"cat"}"#), pets, |_, _| {
            ran += 1;
            Some(())
        })
    });
    assert_eq!((decoded, ran), (None, 0));
    let name = at.checked(json(r#"{"kind":"dog","name":"Rex"}"#), pets, |value, at| {
        // Another schema within is not asked.
        let mut object = at.checked(value, pets, |value, at| at.object(value, &validation::Bounds::ANY))?;
        object.required(at, "name", |value, at| at.string(value, &Text::ANY))
    });
    assert_eq!(name.as_deref(), Some("Rex"));
    let error = &at.into_errors()[0];
    assert_eq!((error.parameter.as_deref(), error.code), (Some("pet"), "required"));
}

#[test]
fn branches_are_told_apart() {
    let pets: &'static Schemas = Box::leak(Box::new(Schemas::new(document("3.1.0", PETS))));
    let branch = |name: &str| -> &'static SchemaRef {
        Box::leak(Box::new(SchemaRef::new(pets, format!("/components/schemas/{name}").leak())))
    };
    let branches = [branch("Cat"), branch("Dog")];
    let at = Decoder::new(Place::Body);
    assert_eq!(at.branch(&json(r#"{"kind":"dog"}"#), &branches), Some(1));
    assert_eq!(at.branch(&json(r#"{"kind":"cow"}"#), &branches), None);
    assert!(pets.at("/components/schemas/Cat").is_some() && pets.at("/components/schemas/Cow").is_none());
    let unknown = branch("Cow").violations(&Value::Null, Direction::Request);
    assert_eq!(unknown[0].code, "invalid_document");
}
