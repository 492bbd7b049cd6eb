//! Texts of parameters and forms, which have no type of their own.

use serde_json::json;
use validation::{Decoder, Place, SchemaRef, Schemas, Value};

#[test]
fn text_is_decoded_in_the_reading_in_which_it_is_valid() {
    let read = |one: &str, text: &'static str| {
        let text_of =
            format!(r#"{{"openapi":"3.1.0","info":{{}},"paths":{{}},"components":{{"schemas":{{"T":{one}}}}}}}"#);
        let schemas = Box::leak(Box::new(Schemas::new(text_of.leak())));
        let schema = Box::leak(Box::new(SchemaRef::new(schemas, "/components/schemas/T")));
        Decoder::new(Place::Query).checked(Value::Text(text.into()), schema, |v, at| at.any(v))
    };
    for (one, text, expected) in [
        (r#"{"if":{"type":"integer"},"then":{"minimum":10},"else":{"minLength":3}}"#, "15", json!(15)),
        (r#"{"if":{"type":"integer"},"then":{"minimum":10},"else":{"minLength":3}}"#, "15.5", json!("15.5")),
        (r#"{"type":["integer","string"],"minimum":10}"#, "5", json!("5")),
        (r#"{"type":["integer","string","array"],"minimum":10,"minLength":2}"#, "5", json!(["5"])),
        (r#"{"enum":[5,true,"x",[null]]}"#, "5", json!(5)),
        (r#"{"enum":[5,true,"x",[null]]}"#, "true", json!(true)),
        (r#"{"not":{"type":"string"},"type":["number","string","boolean","object"]}"#, "0.5", json!(0.5)),
    ] {
        assert_eq!(read(one, text), Some(expected), "{one}: {text}");
    }
}
