//! Places in a document, across references.

use percent_encoding::percent_decode_str;
use validation::{SchemaRef, Schemas, Value, pointer};

/// References one after the other that are followed.
const MAX_REFERENCES: usize = 32;

/// A part of the document and its JSON pointer.
pub(crate) struct Place {
    pub pointer: String,
    pub value: &'static Value<'static>,
}

impl Place {
    /// The fields of an object by name.
    fn members(&self) -> impl Iterator<Item = (&'static str, Self)> {
        let members = match self.value {
            Value::Object(members) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(name, value)| (&**name, Self { pointer: pointer::below(&self.pointer, name), value }))
    }

    /// A field of it.
    pub fn child(&self, name: &str) -> Option<Self> {
        self.members().find(|(known, _)| *known == name).map(|(_, place)| place)
    }

    /// The fields of a field, each where its reference leads.
    pub fn children(&self, name: &str, schemas: &'static Schemas) -> Vec<(&'static str, Self)> {
        let Some(parent) = self.child(name) else { return Vec::new() };
        parent.members().filter_map(|(name, place)| Some((name, place.followed(schemas)?))).collect()
    }

    /// Where its reference leads, if it is one.
    pub fn followed(self, schemas: &'static Schemas) -> Option<Self> {
        let mut place = self;
        for _ in 0..MAX_REFERENCES {
            let Some(Value::String(reference)) = place.value.member("$ref") else { return Some(place) };
            let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?.into_owned();
            place = Self { value: schemas.document()?.at(&pointer)?, pointer };
        }
        None
    }

    /// The schema here; nothing where there is none.
    pub fn schema(self, schemas: &'static Schemas) -> Option<SchemaRef> {
        schemas.at(&self.pointer).map(|_| SchemaRef::owned(schemas, self.pointer))
    }
}
