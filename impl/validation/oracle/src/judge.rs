//! The independent validator.

use jsonschema::{Draft, Validator};
use serde_json::{Value as Json, json};

use crate::document::Kind;

/// A schema of OpenAPI 3.0 in draft 7, where 1.0 is an integer, and references ignore what is beside them, too.
fn draft_7(schema: &Json) -> Json {
    let Json::Object(members) = schema else {
        return schema.as_array().map_or(schema.clone(), |items| items.iter().map(draft_7).collect());
    };
    let within = |(name, member): (&String, &Json)| {
        (name.clone(), if name == "enum" { member.clone() } else { draft_7(member) })
    };
    let mut members: serde_json::Map<String, Json> = members.iter().map(within).collect();
    if members.remove("nullable") == Some(json!(true))
        && let Some(kind @ Json::String(_)) = members.get("type").cloned()
    {
        members.insert("type".to_owned(), json!([kind, "null"]));
    }
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if members.remove(exclusive) == Some(json!(true))
            && let Some(value) = members.remove(limit)
        {
            members.insert(exclusive.to_owned(), value);
        }
    }
    members.into()
}

/// The other validator's view of one schema.
///
/// # Panics
/// When it cannot read the schema.
pub fn validator(kind: Kind, schemas: &Json, name: &str) -> Validator {
    let (draft, all) = match kind {
        Kind::Old => (Draft::Draft7, draft_7(schemas)),
        _ => (Draft::Draft202012, schemas.clone()),
    };
    let key = if kind == Kind::Old { "definitions" } else { "$defs" };
    let text = json!({ key: all, "allOf": [{"$ref": format!("#/{key}/{name}")}] }).to_string();
    let root = serde_json::from_str(&text.replace("#/components/schemas/", &format!("#/{key}/"))).expect("JSON");
    jsonschema::options().with_draft(draft).should_validate_formats(true).build(&root).expect("a schema")
}

/// Whether there is an integer of more than 53 bits.
pub fn is_large(text: &str) -> bool {
    ["9007199254740993", "922337203685477"].iter().any(|number| text.contains(number))
}
