//! A body of several parts: fields that are decoded as those of an object, and files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Map;
use validation::canonical::{self, write_length, write_text};
use validation::{Bounds, Decoder, Items, Object, SchemaRef, Step, Value};
use wire::{File, MediaType, Part};

/// The parts of a `multipart/form-data` body.
pub(crate) struct Parts<'r> {
    /// An object: what is no file.
    pub(crate) fields: Value<'r>,
    pub(crate) files: Vec<(String, File)>,
    pub(crate) parts: &'static [Part],
}

impl<'r> Parts<'r> {
    /// Holds the form as a whole against a schema, in which each file stands for a text that is as long as it has to be; then decodes it.
    pub(crate) fn checked<T>(
        self,
        schema: &'static SchemaRef,
        at: &mut Decoder,
        rule: impl FnOnce(Self, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        let Self { mut fields, files, parts } = self;
        let mut added = Vec::new();
        for (name, file) in &files {
            let least = parts.iter().find(|part| part.name() == name).map_or(0, |part| part.size().0);
            // One that is too short stays so.
            let length = usize::try_from(least.min(file.size())).unwrap_or(0);
            if fields.member(name).is_none() {
                gather(&mut added, Cow::Owned(name.clone()), Value::Text(Cow::Owned("\0".repeat(length))), false);
            }
        }
        let count = added.len();
        if let Value::Object(members) = &mut fields {
            members.append(&mut added);
        }
        at.checked(fields, schema, |mut fields, at| {
            if let Value::Object(members) = &mut fields {
                members.truncate(members.len() - count);
            }
            rule(Self { fields, files, parts }, at)
        })
    }

    /// Appends what tells forms apart.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        canonical::write(&self.fields, to);
        write_length(b'f', self.files.len(), to);
        for (name, file) in &self.files {
            write_text(b's', name, to);
            to.extend_from_slice(&file.digest().to_le_bytes());
        }
    }
}

/// Adds a value to those of its name.
pub(crate) fn gather<'r>(
    members: &mut Vec<(Cow<'r, str>, Value<'r>)>,
    name: Cow<'r, str>,
    value: Value<'r>,
    repeated: bool,
) {
    match members.iter_mut().find(|(known, _)| *known == name) {
        None if repeated => members.push((name, Value::Repeated(vec![value]))),
        None => members.push((name, value)),
        Some((_, Value::Repeated(values))) => values.push(value),
        Some((_, first)) => {
            let before = std::mem::replace(first, Value::Null);
            *first = Value::Repeated(vec![before, value]);
        }
    }
}

/// The parts of a `multipart/form-data` body that no rule has taken yet.
pub struct Form<'r> {
    object: Object<'r>,
    files: Vec<(String, File)>,
    parts: &'static [Part],
}

impl<'r> Form<'r> {
    pub(crate) fn new(Parts { fields, files, parts }: Parts<'r>, at: &mut Decoder) -> Option<Self> {
        let object = at.object(fields, &Bounds::ANY)?;
        Some(Self { object, files, parts })
    }

    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        rule: impl FnOnce(Value<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        self.object.required(at, name, rule)
    }

    /// A field that may be absent.
    pub fn optional<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        rule: impl FnOnce(Value<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<Option<T>> {
        self.object.optional(at, name, rule)
    }

    /// A field that has a value of the document's (JSON text) when absent.
    pub fn defaulted<T>(
        &mut self,
        at: &mut Decoder,
        name: &'static str,
        default: &'static str,
        rule: impl FnOnce(Value<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<T> {
        self.object.defaulted(at, name, default, rule)
    }

    /// A file that must be there.
    pub fn file(&mut self, at: &mut Decoder, name: &'static str) -> Option<File> {
        self.optional_file(at, name)?.or_else(|| at.named(name, |at| at.refuse("required", "Is required.")))
    }

    /// A file that may be absent.
    pub fn optional_file(&mut self, at: &mut Decoder, name: &'static str) -> Option<Option<File>> {
        let mut files = self.take(at, name)?;
        match files.len() {
            0 => Some(None),
            1 => Some(files.pop()),
            _ => at.named(name, |at| at.refuse("duplicate", "Must be given exactly once.")),
        }
    }

    /// Files of one name, of which there must be some.
    pub fn files(&mut self, at: &mut Decoder, name: &'static str, rule: &Items) -> Option<Vec<File>> {
        self.optional_files(at, name, rule)?.or_else(|| at.named(name, |at| at.refuse("required", "Is required.")))
    }

    /// Files of one name, if there are any.
    pub fn optional_files(&mut self, at: &mut Decoder, name: &'static str, rule: &Items) -> Option<Option<Vec<File>>> {
        let files = self.take(at, name)?;
        if files.is_empty() {
            return Some(None);
        }
        // How many may be, as of any array.
        let counted = Value::Array(files.iter().map(|_| Value::Null).collect());
        at.named(name, |at| at.array(counted, rule, |_, _| Some(())))?;
        Some(Some(files))
    }

    fn take(&mut self, at: &mut Decoder, name: &'static str) -> Option<Vec<File>> {
        let all = std::mem::take(&mut self.files);
        let (found, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(known, _)| known == name);
        self.files = rest;
        let part = self.parts.iter().find(|part| part.name() == name);
        let accepted = part.map_or(&[][..], |part| part.accepted());
        let (least, most) = part.map_or((0, None), |part| part.size());
        if found.iter().any(|(_, file)| file.size() < least) {
            return at.named(name, |at| at.refuse("too_short", format!("Must have at least {least} bytes.")));
        }
        if let Some(most) = most.filter(|most| found.iter().any(|(_, file)| file.size() > *most)) {
            return at.named(name, |at| at.refuse("too_long", format!("Must have at most {most} bytes.")));
        }
        let fits = |file: &File| {
            let given = file.content_type().and_then(MediaType::parse);
            accepted.is_empty() || given.is_some_and(|given| wire::matching(accepted.iter().copied(), &given).is_some())
        };
        if !found.iter().all(|(_, file)| fits(file)) {
            let detail = format!("Must have one of the media types {}.", accepted.join(", "));
            return at.named(name, |at| at.refuse("invalid_format", detail));
        }
        Some(found.into_iter().map(|(_, file)| file).collect())
    }

    /// Rejects parts that the document does not have.
    pub fn close(self, at: &mut Decoder) {
        self.object.close(at);
        for (name, _) in self.files {
            at.within(Step::Member(name), |at| at.refuse::<()>("unknown_member", "Unknown field."));
        }
    }

    /// The fields that no rule has taken, each by a rule; files are dropped.
    pub fn rest_as<T>(
        self,
        at: &mut Decoder,
        rule: impl FnMut(Value<'r>, &mut Decoder) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        self.object.rest_as(at, rule)
    }

    /// The fields that no rule has taken, for schemas with `additionalProperties`; files are dropped.
    pub fn rest(self, at: &mut Decoder) -> Option<Map<String, serde_json::Value>> {
        self.object.rest(at)
    }
}
