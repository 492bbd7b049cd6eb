//! Why a value matches no alternative of a union: the violations of the one that is meant, where that can be told.

use super::evaluate::Check;
use super::keywords::listed;
use super::model::{Id, Schema, Types};
use crate::decoder::{Decoder, Step};
use values::Value;

impl<'s> Check<'s> {
    pub fn explain(&mut self, schema: &'s Schema, branches: &'s [Id], value: &Value<'_>, at: &mut Decoder) {
        if let Some(verdict) = self.by_discriminator(schema, branches, value) {
            match verdict {
                Ok(branch) => {
                    self.apply(branch, value, None, Some(at));
                }
                Err((property, known)) => {
                    let detail = format!("Must be one of: {}.", listed(known.into_iter(), ", "));
                    at.within(Step::Member(property), |at| at.refuse::<()>("not_in_enum", detail));
                }
            }
            return;
        }
        let kind = Types::of(value);
        let admits = |id: &Id| self.schemas.schemas[*id].admits;
        let plausible: Vec<Id> = branches.iter().copied().filter(|id| admits(id).meets(kind)).collect();
        if plausible.is_empty() {
            let all = branches.iter().map(admits).fold(Types::NONE, Types::or);
            if all != Types::NONE {
                at.wrong_type::<()>(&all.words(), value);
                return;
            }
        }
        let fitting: Vec<Id> = plausible.iter().copied().filter(|id| self.fits(*id, value)).collect();
        match (&fitting[..], &plausible[..]) {
            ([only], _) | ([], [only]) => {
                self.apply(*only, value, None, Some(at));
            }
            _ => {
                let names = self.names(branches, ", ");
                at.refuse::<()>("no_match", format!("Must match one of the alternatives: {names}."));
            }
        }
    }

    /// The branch that the discriminator names; or the property, and what it may be.
    fn by_discriminator(
        &self,
        schema: &'s Schema,
        branches: &[Id],
        value: &Value<'_>,
    ) -> Option<Result<Id, (String, Vec<String>)>> {
        let hint = schema.discriminator.as_ref()?;
        let (Value::String(tag) | Value::Text(tag)) = value.member(&hint.property)? else { return None };
        let mapped = |branch: Id| {
            let pointer = self.pointer(branch);
            hint.mapping.iter().filter(move |(_, to)| to == pointer).map(|(tag, _)| &**tag)
        };
        let known = |branch: Id| match mapped(branch).next() {
            Some(_) => mapped(branch).collect::<Vec<_>>(),
            None => self.component(branch).into_iter().collect(),
        };
        // Names of schemas are valid beside the mapping.
        let named = |branch: &&Id| known(**branch).contains(&&**tag) || self.component(**branch) == Some(tag);
        match branches.iter().find(named) {
            Some(branch) => Some(Ok(*branch)),
            None => {
                let known: Vec<_> = branches.iter().flat_map(|branch| known(*branch)).map(str::to_owned).collect();
                (!known.is_empty()).then(|| Err((hint.property.to_string(), known)))
            }
        }
    }

    /// Whether the properties that a branch has constants for (`const`, `enum`) have one of them.
    fn fits(&mut self, branch: Id, value: &Value<'_>) -> bool {
        let Value::Object(_) = value else { return true };
        let same = |schema: &Schema| schema.all.iter().chain(&schema.reference).copied().collect();
        let schemas = self.schemas;
        schemas.closure(branch, same).into_iter().flat_map(|id| &schemas.schemas[id].properties).all(|(name, id)| {
            let constant = schemas.closure(*id, same).into_iter().any(|id| !schemas.schemas[id].choices.is_empty());
            !constant || value.member(name).is_none_or(|member| self.enter(*id, member, None))
        })
    }

    /// The pointer of what a branch is by reference.
    fn pointer(&self, branch: Id) -> &'s str {
        let schema = &self.schemas.schemas[branch];
        &self.schemas.schemas[schema.reference.unwrap_or(branch)].pointer
    }

    /// The name of what a branch is by reference.
    fn component(&self, branch: Id) -> Option<&'s str> {
        self.pointer(branch).strip_prefix("/components/schemas/").filter(|name| !name.contains('/'))
    }

    /// Alternatives in words.
    pub fn names(&self, branches: &[Id], between: &str) -> String {
        let words = |branch: &Id| match self.component(*branch) {
            Some(name) => name.to_owned(),
            None => self.schemas.schemas[*branch].admits.words(),
        };
        listed(branches.iter().map(words), between)
    }
}
