//! The rules of JSON Schema that a value keeps or not, whatever it is decoded into.

use std::cmp::Ordering;

use crate::decoder::Decoder;
use crate::limits::{Bounds, Items, Range, Text};
use values::Number;
use values::Value;
use values::all_different;
use values::format;

impl Decoder {
    /// `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum` and `multipleOf`.
    pub(crate) fn keeps_range(&mut self, number: &Number<'_>, rule: &Range<'_>) -> Option<()> {
        let breaks =
            |limit: Option<Number<'_>>, side: Ordering, strict: bool| match limit.map(|limit| number.compare(&limit)) {
                Some(order) => order == side || (strict && order.is_eq()),
                None => false,
            };
        let (code, what, limit) = if breaks(rule.above, Ordering::Less, true) {
            ("too_small", "greater than", rule.above)
        } else if breaks(rule.min, Ordering::Less, false) {
            ("too_small", "at least", rule.min)
        } else if breaks(rule.below, Ordering::Greater, true) {
            ("too_large", "less than", rule.below)
        } else if breaks(rule.max, Ordering::Greater, false) {
            ("too_large", "at most", rule.max)
        } else if rule.step.is_some_and(|step| !number.is_multiple_of(&step)) {
            ("not_a_multiple", "a multiple of", rule.step)
        } else {
            return Some(());
        };
        self.refuse(code, format!("Must be {what} {}.", limit?))
    }

    /// `minLength`, `maxLength`, `pattern` and `format`.
    pub(crate) fn keeps_text(&mut self, text: &str, rule: &Text<'_>) -> Option<()> {
        // Bytes bound code points from above and, divided by four, from below: count only when it matters.
        let (bytes, chars) = (text.len() as u64, || text.chars().count() as u64);
        if bytes > rule.max && chars() > rule.max {
            return self.refuse("too_long", format!("Must have at most {} characters.", rule.max));
        }
        if bytes < rule.min.saturating_mul(4) && chars() < rule.min {
            return self.refuse("too_short", format!("Must have at least {} characters.", rule.min));
        }
        if rule.pattern.is_some_and(|pattern| !pattern.matches(text)) {
            return self.refuse("pattern_mismatch", "Must match the pattern of the API specification.");
        }
        if !format::holds(rule.format, text) {
            let source = if rule.format == "date-time" { " (RFC 3339)" } else { "" };
            return self.refuse("invalid_format", format!("Must have the format {}{source}.", rule.format));
        }
        Some(())
    }

    /// `minItems`, `maxItems` and `uniqueItems`.
    pub(crate) fn keeps_items(&mut self, items: &[Value<'_>], rule: &Items) -> Option<()> {
        let count = items.len() as u64;
        if count < rule.min {
            return self.refuse("too_few_items", format!("Must have at least {} items.", rule.min));
        }
        if count > rule.max {
            return self.refuse("too_many_items", format!("Must have at most {} items.", rule.max));
        }
        let all_different = || match rule.numbers {
            true => all_different(&items.iter().map(as_number).collect::<Vec<_>>()),
            false => all_different(items),
        };
        if rule.unique && !all_different() {
            return self.refuse("duplicate_items", "Must not contain duplicate items.");
        }
        Some(())
    }

    /// `minProperties` and `maxProperties`.
    pub(crate) fn keeps_bounds(&mut self, members: usize, rule: &Bounds) -> Option<()> {
        if (members as u64) < rule.min {
            return self.refuse("too_few_members", format!("Must have at least {} properties.", rule.min));
        }
        if (members as u64) > rule.max {
            return self.refuse("too_many_members", format!("Must have at most {} properties.", rule.max));
        }
        Some(())
    }
}

/// What has no type of its own, as the number it is written as.
fn as_number<'v>(item: &'v Value<'_>) -> Value<'v> {
    match item {
        Value::Text(text) => Number::parse(text).map_or_else(|| item.clone(), Value::Number),
        other => other.clone(),
    }
}
