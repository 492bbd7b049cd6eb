//! Whatever schema and value: the interpreter says the same as an independent validator.
//!
//! Left out is where the other validator (jsonschema 0.61) is known to be wrong: it divides as doubles, so that an integer above 2^53 is no
//! multiple of 1.5; and it panics over some references back to what is being compiled ("pending schema target dropped").
//!
//! `ORACLE_SEED` is the first seed (0), `ORACLE_DOCUMENTS` the number of documents of each kind (75, of 4 schemas each); each schema validates 20 values.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use validation::{Direction, SchemaRef, Schemas, Value};
use validation_oracle::document::{Kind, SCHEMAS, schemas};
use validation_oracle::instance::instance;
use validation_oracle::judge::{is_large, validator};
use validation_oracle::{Choices, any};

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[derive(Default)]
struct Tally {
    values: usize,
    valid: usize,
    endless: usize,
    left_out: usize,
    differences: Vec<String>,
}

fn compare(kind: Kind, seed: u64, tally: &mut Tally) {
    let mut choices = Choices::new(seed);
    let all = schemas(kind, &mut choices);
    let version = if kind == Kind::Old { "3.0.3" } else { "3.1.0" };
    let document = json!({"openapi": version, "info": {}, "paths": {}, "components": {"schemas": all}}).to_string();
    let compiled: &'static Schemas = Box::leak(Box::new(Schemas::new(document.leak())));
    compiled.load().unwrap_or_else(|reason| panic!("{kind:?} {seed}: {reason}: {all}"));
    if compiled.is_circular() {
        tally.endless += 1;
        return;
    }
    let divides = all.to_string().contains("\"multipleOf\":1.5");
    for index in 0..SCHEMAS {
        let name = format!("S{index}");
        let ours = SchemaRef::new(compiled, format!("/components/schemas/{name}").leak());
        let theirs = validator(kind, &all, &name);
        for _ in 0..20 {
            let value =
                if choices.percent(5) { any(&mut choices, 4) } else { instance(&all, &all[&name], &mut choices) };
            let text = value.to_string();
            let read = Value::from_json(text.as_bytes()).expect("JSON");
            let our = ours.accepts(&read, Direction::Request);
            assert_eq!(ours.violations(&read, Direction::Request).is_empty(), our, "{kind:?} {seed} {text}");
            let their = catch_unwind(AssertUnwindSafe(|| theirs.is_valid(&value)));
            let Ok(their) =
                their.and_then(|their| if divides && is_large(&text) { Err(Box::new(())) } else { Ok(their) })
            else {
                tally.left_out += 1;
                continue;
            };
            tally.values += 1;
            tally.valid += usize::from(their);
            if our != their {
                let schema = &all[&name];
                tally
                    .differences
                    .push(format!("{kind:?} {seed} {name}: ours {our}, theirs {their}: {text} of {schema}"));
            }
        }
    }
}

fn run(kind: Kind) {
    let (seed, documents) = (setting("ORACLE_SEED", 0), setting("ORACLE_DOCUMENTS", 75));
    let mut tally = Tally::default();
    for seed in seed..seed + documents {
        compare(kind, seed, &mut tally);
    }
    let Tally { values, valid, endless, left_out, differences } = tally;
    println!(
        "{kind:?}: {values} values, {valid} valid, {left_out} left out; {endless} of {documents} documents refer to themselves"
    );
    let first = differences[..differences.len().min(10)].join("\n");
    assert!(differences.is_empty(), "{} differences:\n{first}", differences.len());
    assert!((values / 8..values - values / 8).contains(&valid), "one-sided: {valid} of {values} valid");
    assert!(left_out <= values / 50, "{left_out} left out");
}

#[test]
fn openapi_3_0() {
    run(Kind::Old);
}

#[test]
fn openapi_3_1() {
    run(Kind::New);
}

#[test]
fn openapi_3_1_with_resources() {
    run(Kind::Resources);
}
