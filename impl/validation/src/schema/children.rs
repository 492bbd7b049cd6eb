//! The keywords that hold properties and items against schemas.

use std::borrow::Cow;

use super::evaluate::{Check, Marks};
use super::keywords::{below, missing, refuse};
use super::model::{Direction, Id, Schema};
use crate::decoder::{Decoder, Step};
use crate::field_error::Place;
use values::Value;

type Members<'m, 'v> = &'m [(Cow<'v, str>, Value<'v>)];

impl<'s> Check<'s> {
    pub fn object(
        &mut self,
        schema: &'s Schema,
        members: Members<'_, '_>,
        value: &Value<'_>,
        mut marks: Option<&mut Marks>,
        mut at: Option<&mut Decoder>,
    ) -> bool {
        let has = |name: &str| members.iter().any(|(known, _)| known == name);
        let mut valid = true;
        for name in &schema.required {
            if !has(name) && !self.excused(name) {
                valid = missing(at.as_deref_mut(), name, "required", "Is required.".to_owned());
                if at.is_none() {
                    return false;
                }
            }
        }
        for (name, wanted) in schema.dependent_required.iter().filter(|(name, _)| has(name)) {
            for wanted in wanted.iter().filter(|wanted| !has(wanted)) {
                let detail = format!("Is required together with {name}.");
                valid = missing(at.as_deref_mut(), wanted, "dependent_required", detail);
            }
        }
        for (_, id) in schema.dependent_schemas.iter().filter(|(name, _)| has(name)) {
            valid &= self.apply(*id, value, marks.as_deref_mut(), at.as_deref_mut());
        }
        for (index, (name, member)) in members.iter().enumerate() {
            if !valid && at.is_none() {
                return false;
            }
            let (known, kept) = self.member(schema, name, member, at.as_deref_mut());
            valid &= kept;
            if let Some(marks) = marks.as_deref_mut() {
                marks[index] |= known;
            }
        }
        valid
    }

    /// Whether a keyword is about a property, and whether that is valid.
    fn member(
        &mut self,
        schema: &'s Schema,
        name: &str,
        member: &Value<'_>,
        mut at: Option<&mut Decoder>,
    ) -> (bool, bool) {
        let step = || Step::Member(name.to_owned());
        let (mut known, mut valid) = (false, true);
        if let Some(id) = schema.properties.get(name) {
            known = true;
            if self.direction == Direction::Response && self.schemas.schemas[*id].write_only {
                valid = below(step(), at.as_deref_mut(), "write_only", "Must not be in a response.");
            } else {
                valid = self.child(*id, member, step, at.as_deref_mut());
            }
        }
        for (pattern, id) in &schema.patterns {
            if pattern.matches(name) {
                known = true;
                valid = self.child(*id, member, step, at.as_deref_mut()) && valid;
            }
        }
        if let (false, Some(id)) = (known, schema.additional) {
            known = true;
            valid = self.unlisted(id, name, member, at.as_deref_mut());
        }
        if let Some(id) = schema.names {
            valid = self.name(id, name, at) && valid;
        }
        (known, valid)
    }

    /// A property that only `additionalProperties` or `unevaluatedProperties` is about.
    fn unlisted(&mut self, id: Id, name: &str, member: &Value<'_>, at: Option<&mut Decoder>) -> bool {
        let step = || Step::Member(name.to_owned());
        if self.schemas.schemas[id].never {
            return below(step(), at, "unknown_member", "Unknown field.");
        }
        self.child(id, member, step, at)
    }

    /// `propertyNames`
    fn name(&mut self, id: Id, name: &str, at: Option<&mut Decoder>) -> bool {
        let value = Value::String(Cow::Borrowed(name));
        let valid = self.aside(|check| check.apply(id, &value, None, None));
        if let (false, Some(at)) = (valid, at) {
            let mut apart = Decoder::new(Place::Body);
            self.aside(|check| check.apply(id, &value, None, Some(&mut apart)));
            let why = apart.errors.first().map_or("Is not allowed.", |error| &error.detail);
            let detail = format!("The name is not allowed: {why}");
            at.within(Step::Member(name.to_owned()), |at| at.refuse::<()>("invalid_name", detail));
        }
        valid
    }

    /// Whether a required property may be absent in this direction, because something that holds the same object says that it is
    /// `readOnly` or `writeOnly`.
    fn excused(&self, name: &str) -> bool {
        let excused = |id: Id| {
            let property = self.schemas.schemas[id].properties.get(name).map(|id| &self.schemas.schemas[*id]);
            property.is_some_and(|property| match self.direction {
                Direction::Request => property.read_only,
                Direction::Response => property.write_only,
            })
        };
        self.schemas.closure(self.entry, |schema| schema.in_place().collect()).into_iter().any(excused)
    }

    pub fn array(
        &mut self,
        schema: &'s Schema,
        items: &[Value<'_>],
        mut marks: Option<&mut Marks>,
        mut at: Option<&mut Decoder>,
    ) -> bool {
        let fixed = schema.prefix.len();
        if items.len() > fixed && schema.rest.is_some_and(|id| self.schemas.schemas[id].never) {
            return refuse(at, "too_many_items", format!("Must have at most {fixed} items."));
        }
        let mut valid = true;
        for (index, item) in items.iter().enumerate() {
            let Some(id) = schema.prefix.get(index).copied().or(schema.rest) else { break };
            valid &= self.child(id, item, || Step::Index(index), at.as_deref_mut());
            if !valid && at.is_none() {
                return false;
            }
            if let Some(marks) = marks.as_deref_mut() {
                marks[index] = true;
            }
        }
        let Some(id) = schema.contains else { return valid };
        let (least, most) = (schema.min_contains.unwrap_or(1), schema.max_contains.unwrap_or(u64::MAX));
        let mut count = 0;
        for (index, item) in items.iter().enumerate() {
            if self.enter(id, item, None) {
                count += 1;
                if let Some(marks) = marks.as_deref_mut() {
                    marks[index] = true;
                }
            }
        }
        if count < least {
            let detail = format!("Must have at least {least} items of a kind that the API specification describes.");
            return refuse(at, "not_contained", detail);
        }
        if count > most {
            let detail = format!("Must have at most {most} items of a kind that the API specification describes.");
            return refuse(at, "too_many_contained", detail);
        }
        valid
    }

    /// `unevaluatedProperties` and `unevaluatedItems`, with the marks of everything beside them.
    pub fn unevaluated(
        &mut self,
        schema: &'s Schema,
        value: &Value<'_>,
        marks: &mut Marks,
        mut at: Option<&mut Decoder>,
    ) -> bool {
        let mut valid = true;
        match (value, schema.unevaluated_properties, schema.unevaluated_items) {
            (Value::Object(members), Some(id), _) => {
                for ((name, member), mark) in members.iter().zip(marks) {
                    valid &= *mark || self.unlisted(id, name, member, at.as_deref_mut());
                    *mark = true;
                }
            }
            (Value::Array(items) | Value::Repeated(items), _, Some(id)) => {
                for ((index, item), mark) in items.iter().enumerate().zip(marks) {
                    valid &= *mark || self.child(id, item, || Step::Index(index), at.as_deref_mut());
                    *mark = true;
                }
            }
            _ => (),
        }
        valid
    }
}
