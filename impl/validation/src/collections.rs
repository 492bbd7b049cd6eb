//! Rules for arrays, maps and objects, and for what may be null.

use std::collections::BTreeMap;

use crate::decoder::{Decoder, MAX_ERRORS, Step};
use crate::field_error::FieldError;
use crate::limits::{Bounds, Items};
use crate::object::Object;
use values::Value;

/// The rows of a body, good and bad.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// Good rows, each with its index in the body.
    pub accepted: Vec<(usize, T)>,
    /// What is wrong with the others; pointers begin with the row's index.
    pub refused: Vec<FieldError>,
}

impl Decoder {
    /// `nullable: true`
    pub fn nullable<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: impl FnOnce(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if matches!(value, Value::Null) { Some(None) } else { rule(value, self).map(Some) }
    }

    /// An array.
    pub fn array<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Items,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = match value {
            Value::Array(items) | Value::Repeated(items) => items,
            Value::Text(_) => vec![value],
            _ => return self.wrong_type("an array", &value),
        };
        self.keeps_items(&items, rule)?;
        let wanted = items.len();
        let mut decoded = Vec::with_capacity(wanted);
        for (index, value) in items.into_iter().enumerate() {
            decoded.extend(self.within(Step::Index(index), |at| item(value, at)));
        }
        (decoded.len() == wanted).then_some(decoded)
    }

    /// An array whose items are validated one by one (`x-row-errors: collect`): an invalid one does not make the others invalid,
    /// unless there is no valid one.
    pub fn rows<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Items,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<Rows<T>> {
        let before = self.errors.len();
        let mut rows = Rows { accepted: Vec::new(), refused: Vec::new() };
        let mut index = 0;
        self.array(value, rule, |value, at| {
            let kept = at.errors.len();
            match item(value, at) {
                Some(row) if at.errors.len() == kept => rows.accepted.push((index, row)),
                _ => rows.refused.extend(at.errors.drain(kept..)),
            }
            index += 1;
            Some(())
        })?;
        if rows.accepted.is_empty() {
            // Nothing to keep: then it is the whole body that is refused.
            self.errors.extend(rows.refused.drain(..).take(MAX_ERRORS));
        }
        (self.errors.len() == before).then_some(rows)
    }

    /// An object whose member names are not known beforehand (`additionalProperties: {...}`).
    pub fn map<'v, T>(
        &mut self,
        value: Value<'v>,
        rule: &Bounds,
        mut item: impl FnMut(Value<'v>, &mut Self) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let members = self.object(value, rule)?.members;
        let wanted = members.len();
        let mut decoded = BTreeMap::new();
        for (name, value) in members {
            let item = self.within(Step::Member(name.to_string()), |at| item(value, at));
            decoded.extend(item.map(|item| (name.into_owned(), item)));
        }
        (decoded.len() == wanted).then_some(decoded)
    }

    /// An object whose members are known beforehand; finish with [`Object::close`] unless the document leaves it open.
    pub fn object<'v>(&mut self, value: Value<'v>, rule: &Bounds) -> Option<Object<'v>> {
        let Value::Object(members) = value else { return self.wrong_type("an object", &value) };
        self.keeps_bounds(members.len(), rule)?;
        Some(Object { members })
    }
}
