//! The keywords without schemas.

use super::model::Schema;
use crate::decoder::{Decoder, Step};
use values::Value;

/// Records a violation, if somebody wants to know.
pub(super) fn refuse(at: Option<&mut Decoder>, code: &'static str, detail: impl Into<String>) -> bool {
    if let Some(at) = at {
        at.refuse::<()>(code, detail);
    }
    false
}

/// Whether a value keeps them.
pub(super) fn keeps(schema: &Schema, value: &Value<'_>, at: &mut Decoder) -> bool {
    if schema.never {
        return refuse(Some(at), "not_allowed", "Is not allowed.");
    }
    if !schema.types.admit(value) {
        return at.wrong_type::<()>(&schema.types.words(), value).is_some();
    }
    if let Some(choices) = schema.choices.iter().find(|choices| !choices.contains(value)) {
        let words = listed(choices.iter().map(|choice| spell(choice, at)), ", ");
        return refuse(Some(at), "not_in_enum", format!("Must be one of: {words}."));
    }
    let kept = match value {
        Value::Number(number) => at.keeps_range(number, &schema.range).and_then(|()| match &schema.width {
            Some(width) if number.is_integer() => at.keeps_range(number, width),
            _ => Some(()),
        }),
        Value::String(text) => schema.text.keeps(text, at),
        Value::Array(items) | Value::Repeated(items) => at.keeps_items(items, &schema.items),
        Value::Object(members) => at.keeps_bounds(members.len(), &schema.bounds),
        Value::Null | Value::Bool(_) | Value::Text(_) => Some(()),
    };
    kept.is_some()
}

/// Words in a list, which is cut short: documents have lists of thousands, and one value may break many rules.
pub(super) fn listed(words: impl Iterator<Item = String>, between: &str) -> String {
    let mut list = String::new();
    for word in words {
        if !list.is_empty() {
            list.push_str(between);
        }
        if list.len() + word.len() > MAX_LIST {
            list.push_str("...");
            break;
        }
        list.push_str(&word);
    }
    list
}

/// Longer lists are cut short; in bytes.
const MAX_LIST: usize = 1_000;

fn spell(choice: &Value<'static>, at: &mut Decoder) -> String {
    match choice {
        Value::String(text) => text.clone().into_owned(),
        Value::Number(number) => number.to_string(),
        other => at.any(other.clone()).map(|json| json.to_string()).unwrap_or_default(),
    }
}

/// Records that a property is missing.
pub(super) fn missing(at: Option<&mut Decoder>, name: &str, code: &'static str, detail: String) -> bool {
    below(Step::Member(name.to_owned()), at, code, detail)
}

/// Records a violation one step down.
pub(super) fn below(step: Step, at: Option<&mut Decoder>, code: &'static str, detail: impl Into<String>) -> bool {
    at.is_some_and(|at| at.within(step, |at| refuse(Some(at), code, detail)))
}
