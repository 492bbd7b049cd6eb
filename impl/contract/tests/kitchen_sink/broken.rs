//! Ways to break a valid value in exactly one place.

use regex::Regex;
use serde_json::{Value, json};

use crate::document::Schema;
use crate::valid::As;

/// A value with one mistake.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The expected pointer of the error, relative to the value.
    pub pointer: String,
    pub value: Value,
    pub keyword: &'static str,
}

fn here(keyword: &'static str, value: impl Into<Value>) -> Broken {
    Broken { pointer: String::new(), value: value.into(), keyword }
}

/// Every single mistake that can be made in `value`, which is valid.
pub fn breaks(schema: Schema, value: &Value, how: As) -> Vec<Broken> {
    if value.is_null() {
        return Vec::new();
    }
    let mut broken = match value {
        Value::String(text) => string(schema, text),
        Value::Number(_) if schema.kind() == "integer" => integer(schema, value),
        Value::Number(_) => number(schema),
        Value::Array(items) => array(schema, items, how),
        Value::Object(_) => object(schema, value, how),
        _ => Vec::new(),
    };
    match (schema.kind(), how) {
        ("string", As::Json) => broken.extend([here("type", 5), here("type", json!([])), here("type", false)]),
        ("integer" | "number", As::Json) => {
            broken.extend([here("type", "five-ish"), here("type", json!([1])), here("type", true)]);
        }
        ("integer" | "number", As::Text) => {
            broken.extend(["five-ish", "", "+5", " 5", "0x5", "NaN"].map(|text| here("type", text)));
        }
        ("boolean", As::Json) => broken.extend([here("type", 1), here("type", "true")]),
        ("boolean", As::Text) => broken.extend(["maybe", "1", "True", ""].map(|text| here("type", text))),
        ("array", As::Json) => broken.extend([here("type", json!({})), here("type", "items")]),
        ("object", As::Json) => broken.extend([here("type", json!([])), here("type", 0)]),
        _ => (),
    }
    if schema.kind() == "integer" {
        broken.push(here("type", 1.5));
    }
    if how == As::Json && !schema.nullable {
        broken.push(here("nullable", Value::Null));
    }
    broken
}

fn string(schema: Schema, text: &str) -> Vec<Broken> {
    let mut broken = Vec::new();
    if schema.variants().is_some() {
        return vec![here("enum", "none of them"), here("enum", "")];
    }
    if let Some(min) = schema.size("minLength").filter(|min| *min > 0) {
        broken.push(here("minLength", text.chars().take(min - 1).collect::<String>()));
    }
    if let Some(max) = schema.size("maxLength") {
        let longer: String = text.chars().chain(std::iter::repeat('a')).take(max + 1).collect();
        broken.push(here("maxLength", longer));
    }
    if let Some(pattern) = schema.text("pattern") {
        let pattern = Regex::new(pattern).expect("a pattern");
        let all = ["", "\0", "A B", "\n", "!", "ä"]
            .into_iter()
            .map(str::to_owned)
            .chain([format!("{text}\0"), format!(" {text}")]);
        broken.extend(all.filter(|text| !pattern.is_match(text)).map(|text| here("pattern", text)));
    }
    if !matches!(schema.text("format"), None | Some("password")) {
        let spoilt = [format!("\u{1}{text}"), format!("{text}\n"), format!("{text} {text}")];
        broken.extend(spoilt.map(|text| here("format", text)));
    }
    broken
}

fn integer(schema: Schema, value: &Value) -> Vec<Broken> {
    let mut broken = Vec::new();
    if let Some(min) = schema.number("minimum") {
        let beyond = min as i64 - i64::from(!schema.flag("exclusiveMinimum"));
        broken.extend([here("minimum", beyond), here("minimum", i64::MIN), here("minimum", -1e25)]);
    }
    if let Some(max) = schema.number("maximum") {
        let beyond = max as i64 + i64::from(!schema.flag("exclusiveMaximum"));
        broken.extend([here("maximum", beyond), here("maximum", u64::MAX), here("maximum", 1e25)]);
    }
    if schema.text("format") == Some("int32") {
        broken.push(here("format", i64::from(i32::MAX) + 1));
    }
    if schema.number("multipleOf").is_some_and(|step| step > 1.0) {
        let n = value.as_f64().expect("a number") as i64;
        broken.push(here("multipleOf", if n > 0 { n - 1 } else { n + 1 }));
    }
    broken
}

fn number(schema: Schema) -> Vec<Broken> {
    let mut broken = Vec::new();
    if let Some(min) = schema.number("minimum") {
        broken.push(here("minimum", if schema.flag("exclusiveMinimum") { min } else { min.next_down() }));
    }
    if let Some(max) = schema.number("maximum") {
        broken.push(here("maximum", if schema.flag("exclusiveMaximum") { max } else { max.next_up() }));
    }
    if let Some(step) = schema.number("multipleOf") {
        broken.push(here("multipleOf", schema.number("minimum").unwrap_or(0.0) + step * 0.9));
    }
    broken
}

fn array(schema: Schema, items: &[Value], how: As) -> Vec<Broken> {
    let mut broken = Vec::new();
    if let Some(min) = schema.size("minItems").filter(|min| *min > 0) {
        broken.push(here("minItems", items[..min - 1].to_vec()));
    }
    let max = schema.size("maxItems").unwrap_or(usize::MAX);
    if let (Some(first), true) = (items.first(), max < 100) {
        broken.push(here(
            "maxItems",
            items.iter().chain(std::iter::repeat(first)).take(max + 1).cloned().collect::<Vec<_>>(),
        ));
    }
    if let (Some(first), true) = (items.first(), schema.flag("uniqueItems") && items.len() < max) {
        broken.push(here("uniqueItems", items.iter().chain([first]).cloned().collect::<Vec<_>>()));
    }
    for (index, item) in items.iter().enumerate() {
        for inner in breaks(schema.items(), item, how) {
            let mut whole = items.to_vec();
            whole[index] = inner.value;
            broken.push(Broken {
                pointer: format!("/{index}{}", inner.pointer),
                value: whole.into(),
                keyword: inner.keyword,
            });
        }
    }
    broken
}

fn object(schema: Schema, value: &Value, how: As) -> Vec<Broken> {
    let mut broken = Vec::new();
    let members = value.as_object().expect("an object");
    let (min, max) = (schema.size("minProperties").unwrap_or(0), schema.size("maxProperties").unwrap_or(usize::MAX));
    // Too few or too many is an error of the object, reported before those of its fields.
    let at = |name: &str, size: usize| {
        if (min..=max).contains(&size) { format!("/{}", escaped(name)) } else { String::new() }
    };
    for (name, member) in schema.properties().filter(|(name, _)| members.contains_key(*name)) {
        if schema.requires(name) {
            let mut less = members.clone();
            less.remove(name);
            broken.push(Broken { pointer: at(name, less.len()), value: less.into(), keyword: "required" });
        }
        broken.extend(breaks(member, &members[name], how).into_iter().map(|inner| within(value, name, inner)));
    }
    if let Some(others) = schema.others() {
        let all = members
            .iter()
            .flat_map(|(name, member)| breaks(others, member, how).into_iter().map(move |inner| (name, inner)));
        broken.extend(all.map(|(name, inner)| within(value, name, inner)));
    } else if !schema.flag("additionalProperties") {
        for name in ["unknown", "is_superuser", "a/b~c d"] {
            let mut more = members.clone();
            more.insert(name.to_owned(), json!("an unknown member"));
            broken.push(Broken { pointer: at(name, more.len()), value: more.into(), keyword: "additionalProperties" });
        }
    }
    if min > 0 {
        let less: Value = members.iter().take(min - 1).map(|(name, member)| (name.clone(), member.clone())).collect();
        broken.push(here("minProperties", less));
    }
    if max < 100 {
        let more = (0..=max).map(|n| (format!("more{n}"), json!(0)));
        broken.push(here("maxProperties", members.clone().into_iter().chain(more).collect::<Value>()));
    }
    broken
}

fn within(object: &Value, name: &str, inner: Broken) -> Broken {
    let mut whole = object.clone();
    whole[name] = inner.value;
    Broken { pointer: format!("/{}{}", escaped(name), inner.pointer), value: whole, keyword: inner.keyword }
}

/// RFC 6901, 3 and 6.
fn escaped(name: &str) -> String {
    let pointer = name.replace('~', "~0").replace('/', "~1");
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#%<>[\\]^`{|}".contains(&byte);
    pointer
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
