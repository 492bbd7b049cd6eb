//! Random values, near to what a schema wants.

use serde_json::{Map, Value, json};

use crate::{Choices, NAMES, any, number, string};

/// A value for one of the schemas: mostly as it wants, often with something changed.
pub fn instance(schemas: &Value, schema: &Value, choices: &mut Choices) -> Value {
    if choices.percent(10) {
        return any(choices, 3);
    }
    let mut value = wanted(schemas, schema, choices, 5);
    while choices.percent(40) {
        change(&mut value, choices);
    }
    value
}

fn wanted(schemas: &Value, schema: &Value, choices: &mut Choices, depth: usize) -> Value {
    let Value::Object(keywords) = schema else { return any(choices, depth.min(1)) };
    if depth == 0 {
        return any(choices, 0);
    }
    if let Some(value) = keywords.get("const") {
        return value.clone();
    }
    if let Some(Value::Array(values)) = keywords.get("enum") {
        return choices.one(values).clone();
    }
    // One of those that speak of the same value.
    let mut others: Vec<&Value> = Vec::new();
    for name in ["allOf", "anyOf", "oneOf"] {
        others.extend(keywords.get(name).and_then(Value::as_array).into_iter().flatten());
    }
    others.extend(["if", "then", "else"].iter().filter_map(|name| keywords.get(*name)));
    for name in ["$ref", "$dynamicRef"] {
        let target = keywords
            .get(name)
            .and_then(Value::as_str)
            .and_then(|to| to.find(['S', 'A']).map(|at| &to[at + 1..=at + 1]));
        others.extend(target.and_then(|index| schemas.get(format!("S{index}"))));
    }
    let base = (!others.is_empty() && choices.percent(60)).then(|| {
        let other = *choices.one(&others);
        wanted(schemas, other, choices, depth - 1)
    });
    let kind = match keywords.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => choices.one(kinds).as_str().unwrap_or_default(),
        _ if ["properties", "required", "additionalProperties"].iter().any(|name| keywords.contains_key(*name)) => {
            "object"
        }
        _ if ["items", "prefixItems", "contains"].iter().any(|name| keywords.contains_key(*name)) => "array",
        _ if ["pattern", "minLength", "maxLength", "format"].iter().any(|name| keywords.contains_key(*name)) => {
            "string"
        }
        _ => match base {
            Some(base) => return base,
            None => "",
        },
    };
    match (kind, base) {
        ("object", Some(Value::Object(base))) => object(schemas, keywords, base, choices, depth),
        ("object", _) => object(schemas, keywords, Map::new(), choices, depth),
        ("array", Some(Value::Array(base))) if choices.percent(50) => base.into(),
        ("array", _) => array(schemas, keywords, choices, depth),
        ("string", _) => string(choices).into(),
        ("boolean", _) => choices.percent(50).into(),
        ("null", _) => Value::Null,
        ("number" | "integer", _) => number_near(keywords, choices),
        _ => any(choices, 1),
    }
}

fn number_near(keywords: &Map<String, Value>, choices: &mut Choices) -> Value {
    let limits: Vec<&Value> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        .iter()
        .filter_map(|name| keywords.get(*name).filter(|limit| limit.is_number()))
        .collect();
    if limits.is_empty() || choices.percent(50) {
        return number(choices);
    }
    let limit = *choices.one(&limits);
    match limit.as_i64().filter(|_| choices.percent(50)) {
        Some(limit) => limit.saturating_add([-1, 1, 2][choices.below(3)]).into(),
        None => limit.clone(),
    }
}

fn object(
    schemas: &Value,
    keywords: &Map<String, Value>,
    mut value: Map<String, Value>,
    choices: &mut Choices,
    depth: usize,
) -> Value {
    let required = keywords.get("required").and_then(Value::as_array);
    let known = keywords.get("properties").and_then(Value::as_object);
    for (name, schema) in known.into_iter().flatten() {
        let needed = required.is_some_and(|required| required.iter().any(|wanted| wanted == name));
        if choices.percent(if needed { 90 } else { 50 }) {
            value.insert(name.clone(), wanted(schemas, schema, choices, depth - 1));
        }
    }
    let open = keywords.get("additionalProperties").unwrap_or(&Value::Null);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !value.contains_key(name) && choices.percent(85) {
            value.insert(name.to_owned(), wanted(schemas, open, choices, depth - 1));
        }
    }
    if choices.percent(if open == &json!(false) { 10 } else { 35 }) {
        let schema = keywords.get("patternProperties").and_then(Value::as_object).and_then(|map| map.values().next());
        value.insert((*choices.one(&NAMES)).to_owned(), wanted(schemas, schema.unwrap_or(open), choices, depth - 1));
    }
    value.into()
}

fn array(schemas: &Value, keywords: &Map<String, Value>, choices: &mut Choices, depth: usize) -> Value {
    let prefix = keywords.get("prefixItems").and_then(Value::as_array).map_or(&[][..], |prefix| prefix);
    let rest = keywords.get("items").unwrap_or(&Value::Null);
    let contained = keywords.get("contains");
    (0..choices.below(prefix.len() + 4))
        .map(|index| {
            let schema = prefix.get(index).or(contained.filter(|_| choices.percent(40))).unwrap_or(rest);
            wanted(schemas, schema, choices, depth - 1)
        })
        .collect()
}

/// Changes something, somewhere.
fn change(value: &mut Value, choices: &mut Choices) {
    let below = choices.percent(60);
    match value {
        Value::Array(items) if below && !items.is_empty() => {
            let index = choices.below(items.len());
            change(&mut items[index], choices);
        }
        Value::Object(members) if below && !members.is_empty() => {
            let index = choices.below(members.len());
            if let Some(member) = members.values_mut().nth(index) {
                change(member, choices);
            }
        }
        Value::Array(items) => match choices.below(3) {
            0 => drop(items.pop()),
            1 => items.extend(items.first().cloned()),
            _ => items.push(any(choices, 1)),
        },
        Value::Object(members) => {
            let name = *choices.one(&NAMES);
            if members.remove(name).is_none() {
                members.insert(name.to_owned(), any(choices, 1));
            }
        }
        other => *other = any(choices, 1),
    }
}
