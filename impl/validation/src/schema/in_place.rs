//! The keywords that hold the same value against other schemas.

use super::evaluate::{Check, Marks};
use super::keywords;
use super::model::{Id, Schema};
use crate::decoder::Decoder;
use values::Value;

impl<'s> Check<'s> {
    pub fn in_place(
        &mut self,
        schema: &'s Schema,
        value: &Value<'_>,
        mut marks: Option<&mut Marks>,
        mut at: Option<&mut Decoder>,
    ) -> bool {
        let mut valid = true;
        let dynamic = schema.dynamic_reference.as_ref().map(|(id, name)| self.dynamic(*id, *name));
        for id in schema.reference.into_iter().chain(dynamic).chain(schema.all.iter().copied()) {
            valid &= self.apply(id, value, marks.as_deref_mut(), at.as_deref_mut());
            if !valid && at.is_none() {
                return false;
            }
        }
        if let Some(id) = schema.condition {
            let holds = self.tries(id, value, marks.as_deref_mut());
            if let Some(id) = if holds { schema.then } else { schema.otherwise } {
                valid &= self.apply(id, value, marks.as_deref_mut(), at.as_deref_mut());
            }
        }
        if (valid || at.is_some()) && !schema.any.is_empty() {
            valid &= self.union(schema, &schema.any, false, value, marks.as_deref_mut(), at.as_deref_mut());
        }
        if (valid || at.is_some()) && !schema.one.is_empty() {
            valid &= self.union(schema, &schema.one, true, value, marks, at.as_deref_mut());
        }
        if (valid || at.is_some())
            && let Some(id) = schema.not
            && self.apply(id, value, None, None)
        {
            valid = keywords::refuse(at, "not_allowed", "Must not be what the API specification excludes.");
        }
        valid
    }

    /// The schema of a `$dynamicRef`.
    fn dynamic(&self, plain: Id, name: Option<usize>) -> Id {
        let found = self.scopes[self.scope].iter().find(|(known, _)| Some(*known) == name);
        found.map_or(plain, |(_, id)| *id)
    }

    fn union(
        &mut self,
        schema: &'s Schema,
        branches: &'s [Id],
        exactly_one: bool,
        value: &Value<'_>,
        mut marks: Option<&mut Marks>,
        at: Option<&mut Decoder>,
    ) -> bool {
        let mut matching = Vec::new();
        for branch in branches {
            if self.tries(*branch, value, marks.as_deref_mut()) {
                matching.push(*branch);
            }
            // The other branches may have something to say of what is unevaluated.
            let decided = if exactly_one { matching.len() > 1 } else { matching.len() == 1 && marks.is_none() };
            if decided {
                break;
            }
        }
        let valid = if exactly_one { matching.len() == 1 } else { !matching.is_empty() };
        if let (false, Some(at)) = (valid, at) {
            if matching.is_empty() {
                self.explain(schema, branches, value, at);
            } else {
                let names = self.names(&matching, " and ");
                at.refuse::<()>("ambiguous", format!("Must match exactly one alternative, but matches {names}."));
            }
        }
        valid
    }
}
