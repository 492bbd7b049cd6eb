//! Random schemas.

use serde_json::{Value, json};

use crate::{Choices, NAMES, any, number, object, string};

/// Which OpenAPI, and how schemas refer to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 3.0
    Old,
    /// 3.1, by JSON pointers and anchors.
    New,
    /// 3.1, each schema with an `$id`.
    Resources,
}

/// How many schemas a document has.
pub const SCHEMAS: usize = 4;

/// The schemas of a document, as they are below `components.schemas`.
pub fn schemas(kind: Kind, choices: &mut Choices) -> Value {
    let mut all = json!({});
    for index in 0..SCHEMAS {
        // The other validator takes very long to compile deep ones with dynamic references.
        let depth = if kind == Kind::Resources { 2 } else { 3 };
        let mut schema = schema(Context { kind, least: index + 1 }, choices, depth);
        if schema.is_boolean() {
            schema = json!({});
        }
        if let (Value::Object(members), true) = (&mut schema, kind != Kind::Old) {
            match kind {
                Kind::Resources => {
                    members.insert("$id".to_owned(), format!("https://example.com/S{index}").into());
                    members.insert("$dynamicAnchor".to_owned(), "node".into());
                }
                _ => drop(members.insert("$anchor".to_owned(), format!("A{index}").into())),
            }
        }
        all[format!("S{index}")] = schema;
    }
    let within = (0..SCHEMAS).map(|index| {
        let mut found = Vec::new();
        targets(&all[format!("S{index}")], &format!("#/components/schemas/S{index}"), &mut found);
        found
    });
    let within: Vec<_> = within.collect();
    refer(&mut all, &within, choices);
    all
}

/// Where in a document a schema is.
#[derive(Clone, Copy)]
struct Context {
    kind: Kind,
    /// The first schema that may be referred to: for the same value only later ones, or most documents would have endless loops.
    least: usize,
}

impl Context {
    /// For what is within the value.
    fn below(self) -> Self {
        Self { least: 0, ..self }
    }
}

fn reference(context: Context, choices: &mut Choices) -> Vec<(&'static str, Value)> {
    let index = context.least + choices.below(SCHEMAS - context.least);
    match context.kind {
        // Where it leads depends on the way there: only for what is within the value.
        Kind::Resources if context.least == 0 && choices.percent(15) => {
            vec![("$dynamicRef", format!("S{index}#node").into())]
        }
        Kind::Resources => vec![("$ref", format!("S{index}").into())],
        Kind::New if choices.percent(20) => vec![("$ref", format!("#A{index}").into())],
        Kind::New if choices.percent(10) => vec![("$dynamicRef", format!("#A{index}").into())],
        // To be replaced by something within that schema.
        _ if context.least == 0 && choices.percent(40) => vec![("$ref", format!("{WITHIN}{index}").into())],
        _ => vec![("$ref", format!("#/components/schemas/S{index}").into())],
    }
}

/// Begins a reference that is not yet decided.
const WITHIN: &str = "within ";

/// Decides where references lead.
fn refer(value: &mut Value, targets: &[Vec<String>], choices: &mut Choices) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, targets, choices)),
        Value::Object(members) => members.values_mut().for_each(|member| refer(member, targets, choices)),
        Value::String(text) => {
            let index = text.strip_prefix(WITHIN).and_then(|index| index.parse::<usize>().ok());
            if let Some(index) = index {
                *text = choices.one(&targets[index]).clone();
            }
        }
        _ => (),
    }
}

/// References to a schema and to those within it.
fn targets(schema: &Value, reference: &str, found: &mut Vec<String>) {
    found.push(reference.to_owned());
    let step = |name: &str| {
        let escaped =
            name.replace('~', "~0").replace('/', "~1").replace('%', "%25").replace(' ', "%20").replace('ü', "%C3%BC");
        format!("{reference}/{escaped}")
    };
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match (keyword.as_str(), value) {
            ("items" | "not" | "additionalProperties" | "contains" | "if" | "then" | "else", value) => {
                targets(value, &step(keyword), found);
            }
            ("properties" | "dependentSchemas", Value::Object(members)) => {
                members.iter().for_each(|(name, value)| {
                    targets(value, &format!("{}{}", step(keyword), &step(name)[reference.len()..]), found)
                });
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(items)) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, value)| targets(value, &format!("{}/{index}", step(keyword)), found));
            }
            _ => (),
        }
    }
}

/// A schema no deeper than `depth`.
fn schema(context: Context, choices: &mut Choices, depth: usize) -> Value {
    if context.kind != Kind::Old && depth < 3 && choices.percent(8) {
        return choices.percent(70).into();
    }
    let mut members = Vec::new();
    if context.least < SCHEMAS && choices.percent(if depth == 0 { 40 } else { 20 }) {
        members.extend(reference(context, choices));
        if choices.percent(60) {
            return object(members);
        }
    }
    match choices.below(if depth == 0 { 5 } else { 10 }) {
        0 => numeric(context, choices, &mut members),
        1 | 2 => textual(context, choices, &mut members),
        3 => scalar(context, choices, &mut members),
        4 => typed(context, choices, &mut members, "boolean"),
        5 | 6 => array(context, choices, depth, &mut members),
        _ => objects(context, choices, depth, &mut members),
    }
    if depth > 0 {
        for _ in 0..choices.below(3) {
            combined(context, choices, depth, &mut members);
        }
    }
    object(members)
}

fn typed(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>, name: &str) {
    if choices.percent(15) {
        return;
    }
    if context.kind == Kind::Old {
        members.push(("type", name.into()));
        if choices.percent(15) {
            members.push(("nullable", choices.percent(80).into()));
        }
    } else if choices.percent(20) {
        let other = *choices.one(&["null", "string", "integer", "number", "array", "object", "boolean"]);
        members.push(("type", if other == name { json!([name]) } else { json!([name, other]) }));
    } else {
        members.push(("type", name.into()));
    }
}

fn numeric(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
    let name = *choices.one(&["number", "integer"]);
    typed(context, choices, members, name);
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if choices.percent(30) {
            members.push((limit, number(choices)));
        }
        let sensible = context.kind != Kind::Old || members.last().is_some_and(|(name, _)| *name == limit);
        if sensible && choices.percent(if context.kind == Kind::Old { 50 } else { 20 }) {
            members.push((
                exclusive,
                if context.kind == Kind::Old { choices.percent(50).into() } else { number(choices) },
            ));
        }
    }
    if choices.percent(25) {
        let steps: Vec<Value> = ["1", "2", "0.5", "0.1", "3", "1.5", "1e1", "2.0"]
            .iter()
            .filter_map(|n| serde_json::from_str(n).ok())
            .collect();
        members.push(("multipleOf", choices.one(&steps).clone()));
    }
}

fn textual(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
    if choices.percent(85) {
        members.push(("type", "string".into()));
    }
    for (name, percent) in [("minLength", 25), ("maxLength", 25)] {
        if choices.percent(percent) {
            members.push((name, choices.below(4).into()));
        }
    }
    if choices.percent(20) {
        members.push(("pattern", (*choices.one(&["^a", "b$", "^[a-z]*$", "a|b", "^.{2}$", "\\d", "^$"])).into()));
    }
    if choices.percent(15) {
        let known = if context.kind == Kind::Old { 4 } else { 6 };
        let formats = &["date", "ipv4", "ipv6", "unknown", "uuid", "date-time"][..known];
        members.push(("format", (*choices.one(formats)).into()));
    }
}

fn scalar(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
    let mut values: Vec<Value> = Vec::new();
    for _ in 0..=choices.below(4) {
        let value = any(choices, 1);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if context.kind != Kind::Old && choices.percent(30) {
        members.push(("const", values[0].clone()));
    } else {
        members.push(("enum", values.into()));
    }
}

fn array(context: Context, choices: &mut Choices, depth: usize, members: &mut Vec<(&str, Value)>) {
    typed(context, choices, members, "array");
    if choices.percent(70) {
        members.push(("items", schema(context.below(), choices, depth - 1)));
    }
    for name in ["minItems", "maxItems"] {
        if choices.percent(15) {
            members.push((name, choices.below(4).into()));
        }
    }
    if choices.percent(20) {
        members.push(("uniqueItems", choices.percent(85).into()));
    }
    if context.kind == Kind::Old {
        return;
    }
    if choices.percent(30) {
        let prefix: Vec<Value> = (0..=choices.below(2)).map(|_| schema(context.below(), choices, depth - 1)).collect();
        members.push(("prefixItems", prefix.into()));
    }
    if choices.percent(25) {
        members.push(("contains", schema(context.below(), choices, depth - 1)));
    }
    for name in ["minContains", "maxContains"] {
        if choices.percent(12) {
            members.push((name, choices.below(3).into()));
        }
    }
    if choices.percent(20) {
        members.push(("unevaluatedItems", closing(context, choices, depth)));
    }
}

/// Mostly `false`, as in documents.
fn closing(context: Context, choices: &mut Choices, depth: usize) -> Value {
    if choices.percent(60) { false.into() } else { schema(context.below(), choices, depth - 1) }
}

fn names(choices: &mut Choices) -> Vec<String> {
    let mut names: Vec<String> = (0..=choices.below(2)).map(|_| (*choices.one(&NAMES)).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn map(context: Context, choices: &mut Choices, depth: usize, keys: &[&str]) -> Value {
    let mut map = json!({});
    for _ in 0..=choices.below(3) {
        map[*choices.one(keys)] = schema(context, choices, depth - 1);
    }
    map
}

fn objects(context: Context, choices: &mut Choices, depth: usize, members: &mut Vec<(&str, Value)>) {
    typed(context, choices, members, "object");
    if choices.percent(80) {
        members.push(("properties", map(context.below(), choices, depth, &NAMES)));
    }
    if choices.percent(40) {
        members.push(("required", names(choices).into()));
    }
    if choices.percent(35) {
        members.push(("additionalProperties", closing(context, choices, depth)));
    }
    for name in ["minProperties", "maxProperties"] {
        if choices.percent(12) {
            members.push((name, choices.below(4).into()));
        }
    }
    if context.kind == Kind::Old {
        return;
    }
    if choices.percent(25) {
        members.push(("patternProperties", map(context.below(), choices, depth, &["^a", "b", "/", "^.$"])));
    }
    if choices.percent(12) {
        members.push(("propertyNames", schema(context.below(), choices, 0)));
    }
    if choices.percent(15) {
        members.push(("dependentRequired", json!({ *choices.one(&NAMES): names(choices) })));
    }
    if choices.percent(15) {
        members.push(("dependentSchemas", map(context, choices, depth, &NAMES)));
    }
    if choices.percent(25) {
        members.push(("unevaluatedProperties", closing(context, choices, depth)));
    }
}

fn combined(context: Context, choices: &mut Choices, depth: usize, members: &mut Vec<(&str, Value)>) {
    let list = |choices: &mut Choices| -> Value {
        (0..=choices.below(3)).map(|_| schema(context, choices, depth - 1)).collect()
    };
    match choices.below(if context.kind == Kind::Old { 5 } else { 7 }) {
        0 => members.push(("allOf", list(choices))),
        1 => members.push(("anyOf", list(choices))),
        2 => members.push(("oneOf", list(choices))),
        3 if choices.percent(50) => members.push(("not", schema(context, choices, depth - 1))),
        4 => members.push(("x-note", string(choices).into())),
        5 => {
            members.push(("if", schema(context, choices, depth - 1)));
            for (name, percent) in [("then", 70), ("else", 50)] {
                if choices.percent(percent) {
                    members.push((name, schema(context, choices, depth - 1)));
                }
            }
        }
        _ => members.push(("description", "Nothing.".into())),
    }
}
