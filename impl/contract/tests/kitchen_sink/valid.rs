//! Values that a schema allows, including its limits.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

use crate::document::Schema;

/// How a value is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum As {
    Json,
    /// As a parameter or form field, where numbers have one spelling.
    Text,
}

/// A value the schema allows; recursive schemas end after `depth` levels.
pub fn valid(schema: Schema, how: As, depth: u32) -> BoxedStrategy<Value> {
    let value = match schema.kind() {
        "string" => string(schema),
        "integer" => integer(schema, how),
        "number" => number(schema),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "array" => array(schema, how, depth),
        "object" => object(schema, how, depth),
        other => panic!("no values of type {other}"),
    };
    if schema.nullable { prop_oneof![1 => Just(Value::Null), 4 => value].boxed() } else { value }
}

fn string(schema: Schema) -> BoxedStrategy<Value> {
    if let Some(variants) = schema.variants() {
        return select(variants).prop_map(Value::from).boxed();
    }
    let (min, max) = (schema.size("minLength").unwrap_or(0), schema.size("maxLength").unwrap_or(40));
    if let Some(pattern) = schema.text("pattern") {
        return matching(pattern, min, max);
    }
    let text = match schema.text("format") {
        None | Some("password" | "binary") => return free_text(min, max),
        Some("date-time") => return time(schema.flag("x-assume-utc")),
        Some("date") => (1..=9999, 1..=12, 1..=28).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}")).boxed(),
        Some("uuid") => regex("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        Some("email") => {
            regex(r"[a-z0-9!#$%&'*+/=?^_{|}~-]{1,20}(\.[a-z]{1,9}){0,2}@[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,3}")
        }
        Some("uri") => regex(
            r"[a-z][a-z0-9+.-]{0,5}:(//[a-z0-9.]{0,20}/|[a-z0-9])?([a-z0-9;=,@!$'()*._~-]|%[0-9A-Fa-f]{2}){0,9}(\?[a-z=&/?]{0,9})?(#[a-z]{0,9})?",
        ),
        Some("hostname") => regex("[a-z0-9]([a-zA-Z0-9-]{0,20}[a-z0-9])?(\\.[a-z0-9]{1,20}){0,3}"),
        Some("ipv4") => any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()).boxed(),
        Some("ipv6") => any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()).boxed(),
        Some("byte") => regex("([A-Za-z0-9+/]{4}){0,9}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"),
        Some(other) => panic!("no strings of format {other}"),
    };
    text.prop_filter("lengths", move |text| (min..=max).contains(&text.chars().count())).prop_map(Value::from).boxed()
}

fn regex(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("a pattern that can be generated").boxed()
}

fn free_text(min: usize, max: usize) -> BoxedStrategy<Value> {
    let length = prop_oneof![Just(min), Just(max), min..=max.min(min + 20)];
    length
        .prop_flat_map(|length| vec(any::<char>(), length))
        .prop_map(|text| text.into_iter().collect::<String>().into())
        .boxed()
}

/// Unbounded repetitions are limited by the length, or most generated texts would be too long.
fn matching(pattern: &str, min: usize, max: usize) -> BoxedStrategy<Value> {
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).expect("patterns are anchored");
    let limit = max.min(100);
    let bounded = inner
        .replace("]+", &format!("]{{1,{limit}}}"))
        .replace("]*", &format!("]{{0,{limit}}}"))
        .replace(")*", "){0,3}");
    let fits = move |text: &String| (min..=max).contains(&text.chars().count());
    regex(&bounded).prop_filter("lengths", fits).prop_map(Value::from).boxed()
}

fn time(utc_assumed: bool) -> BoxedStrategy<Value> {
    let date = (2..=9998, 1..=12, 1..=28).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let clock = (0..24, 0..60, 0..60).prop_map(|(h, m, s)| format!("{h:02}:{m:02}:{s:02}"));
    let offset = prop_oneof![
        4 => select(vec!["Z", "z", "+00:00", "-00:00"]).prop_map(str::to_owned),
        4 => (select(vec!['+', '-']), 0..24, 0..60).prop_map(|(sign, h, m)| format!("{sign}{h:02}:{m:02}")),
        if utc_assumed { 4 } else { 0 } => Just(String::new()),
    ];
    let fraction = prop_oneof![Just(String::new()), regex(r"\.[0-9]{1,9}")];
    (date, clock, fraction, offset)
        .prop_map(|(date, clock, fraction, offset)| format!("{date}T{clock}{fraction}{offset}").into())
        .boxed()
}

/// The smallest and the largest multiple that the schema allows.
fn range(schema: Schema, step: f64) -> (f64, f64) {
    let mut low = (schema.number("minimum").unwrap_or(-1e6) / step).ceil();
    let mut high = (schema.number("maximum").unwrap_or(1e6) / step).floor();
    if schema.flag("exclusiveMinimum") && Some(low * step) == schema.number("minimum") {
        low += 1.0;
    }
    if schema.flag("exclusiveMaximum") && Some(high * step) == schema.number("maximum") {
        high -= 1.0;
    }
    (low, high)
}

fn integer(schema: Schema, how: As) -> BoxedStrategy<Value> {
    let step = schema.number("multipleOf").unwrap_or(1.0);
    let (low, high) = range(schema, step);
    let (low, high, step) = (low as i64, high as i64, step as i64);
    let number = prop_oneof![1 => Just(low), 1 => Just(high), 6 => low..=high].prop_map(move |n| n * step);
    // JSON Schema counts 1.0 as an integer.
    let spelling = if how == As::Json { any::<bool>().boxed() } else { Just(false).boxed() };
    (number, spelling).prop_map(|(n, float)| if float { json!(n as f64) } else { json!(n) }).boxed()
}

fn number(schema: Schema) -> BoxedStrategy<Value> {
    if let Some(step) = schema.number("multipleOf") {
        let (low, high) = range(schema, step);
        return (low as i64..=high as i64).prop_map(move |n| json!(n as f64 * step)).boxed();
    }
    let (low, high) = (schema.number("minimum").unwrap_or(-1e9), schema.number("maximum").unwrap_or(1e9));
    let allowed =
        move |n: &f64| !(schema.flag("exclusiveMinimum") && *n == low || schema.flag("exclusiveMaximum") && *n == high);
    let whole = (low.ceil().max(-1e15) as i64..=high.floor().min(1e15) as i64).prop_map(|n| n as f64);
    prop_oneof![Just(low), Just(high), low..=high, whole].prop_filter("ends", allowed).prop_map(|n| json!(n)).boxed()
}

fn array(schema: Schema, how: As, depth: u32) -> BoxedStrategy<Value> {
    // As text, an empty array is an absent one.
    let min = schema.size("minItems").unwrap_or(0).max(usize::from(how == As::Text));
    let max = schema.size("maxItems").unwrap_or(4).min(min + 5);
    if depth == 0 && min == 0 {
        return Just(json!([])).boxed();
    }
    let items = vec(valid(schema.items(), how, depth.saturating_sub(1)), min..=max);
    let unique = schema.flag("uniqueItems");
    let different = move |items: &Vec<Value>| {
        // Stricter than the document: 1 and 1.0 are the same, so are texts that differ in case.
        let mut texts: Vec<_> = items.iter().map(|item| item.to_string().to_lowercase().replace(".0", "")).collect();
        texts.sort();
        texts.dedup();
        !unique || texts.len() == items.len()
    };
    items.prop_filter("uniqueItems", different).prop_map(Value::from).boxed()
}

fn object(schema: Schema, how: As, depth: u32) -> BoxedStrategy<Value> {
    let min = schema.size("minProperties").unwrap_or(0);
    let max = schema.size("maxProperties").unwrap_or(40);
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> = schema
        .properties()
        .map(|(name, member)| {
            let value =
                valid(member, how, depth.saturating_sub(1)).prop_map(move |value| Some((name.to_owned(), value)));
            if schema.requires(name) { value.boxed() } else { prop_oneof![Just(None), value].boxed() }
        })
        .collect();
    let declared = members.len();
    let most = max.saturating_sub(declared).min(4);
    let others = match schema.others() {
        Some(others) => hash_map(".{0,9}", valid(others, how, depth.saturating_sub(1)), 0..=most).boxed(),
        None if schema.flag("additionalProperties") => hash_map("\\PC{0,9}", anything(), 0..=most).boxed(),
        None => Just(Default::default()).boxed(),
    };
    let together = (members, others)
        .prop_map(|(members, others)| others.into_iter().chain(members.into_iter().flatten()).collect());
    let sized = move |members: &Map<String, Value>| (min..=max).contains(&members.len());
    together.prop_filter("minProperties, maxProperties", sized).prop_map(Value::from).boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e30..1e30).prop_map(Value::from),
        ".{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            hash_map(".{0,3}", inner, 0..3).prop_map(|members| members.into_iter().collect())
        ]
    })
    .boxed()
}
