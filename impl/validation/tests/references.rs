//! References in documents whose schemas have an `$id`.

use validation::{Direction, SchemaRef, Schemas, Value};

#[test]
fn a_pointer_within_a_schema_with_an_id_is_its_own_or_the_documents() {
    static SCHEMAS: Schemas = Schemas::new(
        r##"{"openapi":"3.1.0","info":{},"paths":{},"components":{"schemas":{
            "User":{"$id":"https://example.com/user","properties":{"pet":{"$ref":"#/components/schemas/Pet"},"age":{"$ref":"#/$defs/age"}},
                "$defs":{"age":{"minimum":1}}},
            "Pet":{"$id":"Pet","required":["name"]}}}}"##,
    );
    assert_eq!(SCHEMAS.load(), Ok(()));
    let user = SchemaRef::new(&SCHEMAS, "/components/schemas/User");
    let accepts = |text: &str| user.accepts(&Value::from_json(text.as_bytes()).expect("JSON"), Direction::Request);
    assert!(accepts(r#"{"pet":{"name":"Rex"},"age":1}"#));
    assert!(!accepts(r#"{"pet":{}}"#) && !accepts(r#"{"age":0}"#));
    static BROKEN: Schemas = Schemas::new(
        r##"{"openapi":"3.1.0","info":{},"paths":{},"components":{"schemas":{"A":{"$id":"a","$ref":"#/components/schemas/B"}}}}"##,
    );
    assert!(BROKEN.load().is_err_and(|told| told.contains("leads nowhere")));
}
