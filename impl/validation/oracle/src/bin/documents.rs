//! Writes a document of random schemas, an operation for each, and values with the judgement of the independent validator.
//!
//!     documents VERSION SEED COUNT DOCUMENT CASES
//!
//! VERSION is 3.0.3 or 3.1.0; COUNT sets of schemas are in the document. CASES has a JSON text a line: the path, whether the value is valid, the value.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use validation::Schemas;
use validation_oracle::document::{Kind, SCHEMAS, schemas};
use validation_oracle::instance::instance;
use validation_oracle::judge::{is_large, validator};
use validation_oracle::{Choices, any};

/// How many values each schema has.
const VALUES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, seed, count, document, cases] = arguments.as_slice() else {
        return Err("VERSION SEED COUNT DOCUMENT CASES are needed".into());
    };
    let kind = if version.starts_with("3.0") { Kind::Old } else { Kind::New };
    let (seed, count): (u64, u64) = (seed.parse()?, count.parse()?);
    let (mut all, mut paths, mut lines) = (json!({}), json!({}), String::new());
    for seed in seed..seed + count {
        let mut choices = Choices::new(seed);
        let set = schemas(kind, &mut choices);
        if !is_usable(version, &set) {
            continue;
        }
        for index in 0..SCHEMAS {
            let name = format!("S{index}");
            let path = format!("/d{seed}s{index}");
            let theirs = validator(kind, &set, &name);
            for _ in 0..VALUES {
                let value =
                    if choices.percent(5) { any(&mut choices, 4) } else { instance(&set, &set[&name], &mut choices) };
                let Ok(valid) = catch_unwind(AssertUnwindSafe(|| theirs.is_valid(&value))) else { continue };
                // A `number` is a double in Rust, which rounds them.
                if !is_large(&value.to_string()) {
                    writeln!(lines, "{}", json!([path, valid, value]))?;
                }
            }
            let reference = json!({"$ref": format!("#/components/schemas/D{seed}S{index}")});
            let content = json!({"application/json": {"schema": reference}});
            paths[&path] = json!({"post": {
                "operationId": format!("d{seed}s{index}"), "tags": [format!("set{}", seed % 8)],
                "requestBody": {"required": true, "content": content},
                "responses": {"200": {"description": "The same.", "content": content}},
            }});
            all[format!("D{seed}S{index}")] = renamed(&set[&name], seed)?;
        }
    }
    let service = json!({"lint": "any"});
    let whole = json!({
        "openapi": version, "info": {"title": "Random schemas", "version": "1.0.0"}, "x-service": service, "paths": paths,
        "components": {"schemas": all},
    });
    fs::write(document, whole.to_string())?;
    fs::write(cases, lines)?;
    Ok(())
}

/// Whether the other validator ends on each of them.
fn is_usable(version: &str, set: &Value) -> bool {
    let document = json!({"openapi": version, "info": {}, "paths": {}, "components": {"schemas": set}}).to_string();
    let schemas = Schemas::new(document.leak());
    schemas.load().is_ok() && !schemas.is_circular()
}

/// A schema whose references and anchors are those of its set only.
fn renamed(schema: &Value, seed: u64) -> Result<Value, serde_json::Error> {
    let mut text = schema.to_string().replace("\"#/components/schemas/S", &format!("\"#/components/schemas/D{seed}S"));
    for name in ["\"$anchor\":\"", "\"$dynamicAnchor\":\"", "\"$ref\":\"#", "\"$dynamicRef\":\"#"] {
        text = text.replace(&format!("{name}A"), &format!("{name}D{seed}A"));
    }
    serde_json::from_str(&text)
}
