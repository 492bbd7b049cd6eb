//! Objects field by field: required, optional, with a default; closed or open.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::decoder::{Decoder, Step};
use values::Value;

/// The fields of an object that no rule has taken yet.
pub struct Object<'v> {
    pub(crate) members: Vec<(Cow<'v, str>, Value<'v>)>,
}

impl<'v> Object<'v> {
    fn take(&mut self, name: &str) -> Option<Value<'v>> {
        let index = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.swap_remove(index).1)
    }

    /// A member that must be there.
    pub fn required<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        rule: impl FnOnce(Value<'v>, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name);
        at.named(name, |at| match value {
            Some(value) => rule(value, at),
            None => at.refuse("required", "Is required."),
        })
    }

    /// A member that may be absent.
    pub fn optional<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        rule: impl FnOnce(Value<'v>, &mut Decoder) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) => at.named(name, |at| rule(value, at)).map(Some),
            None => Some(None),
        }
    }

    /// A member that has a value of the document's (JSON text) when absent.
    pub fn defaulted<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        default: &'static str,
        rule: impl FnOnce(Value<'v>, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name).or_else(|| Value::from_json(default.as_bytes()).ok())?;
        at.named(name, |at| rule(value, at))
    }

    /// Rejects unknown fields: documents describe their objects completely.
    pub fn close(self, at: &mut Decoder) {
        for (name, _) in self.members {
            at.within(Step::Member(name.into_owned()), |at| at.refuse::<()>("unknown_member", "Unknown field."));
        }
    }

    /// What no rule has taken, each by a rule, for objects with `additionalProperties: {...}` beside `properties`.
    pub fn rest_as<T>(
        self,
        at: &mut Decoder,
        mut rule: impl FnMut(Value<'v>, &mut Decoder) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let (wanted, mut decoded) = (self.members.len(), BTreeMap::new());
        for (name, value) in self.members {
            let value = at.within(Step::Member(name.to_string()), |at| rule(value, at));
            decoded.extend(value.map(|value| (name.into_owned(), value)));
        }
        (decoded.len() == wanted).then_some(decoded)
    }

    /// What no rule has taken, for objects with `additionalProperties: true`.
    pub fn rest(self, at: &mut Decoder) -> Option<serde_json::Map<String, serde_json::Value>> {
        self.members.into_iter().map(|(name, value)| Some((name.into_owned(), at.any(value)?))).collect()
    }
}
