//! Random schemas of numbers and strings.

use serde_json::{Value, json};

use crate::kind::{Context, Kind};
use crate::{Choices, any, number};

pub fn typed(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>, name: &str) {
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

pub fn numeric(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
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

pub fn textual(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
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

pub fn scalar(context: Context, choices: &mut Choices, members: &mut Vec<(&str, Value)>) {
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
