//! Where an OpenAPI document has schemas, and JSON pointers (RFC 6901) into it.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use values::Value;
use values::pointer::below;

/// What an object of a document is, as far as schemas may be below it.
#[derive(Clone, Copy)]
enum Kind {
    Document,
    Components,
    PathItem,
    Callback,
    Operation,
    /// Parameters, headers, bodies, responses, media types, encodings: their keys do not clash.
    Content,
}

enum Below {
    Nothing,
    One(Kind),
    Each(Kind),
    Schema,
    Schemas,
}

fn parts(kind: Kind, name: &str) -> Below {
    use Below::{Each, Nothing, One};
    match (kind, name) {
        (Kind::Document, "components") => One(Kind::Components),
        (Kind::Document, "paths" | "webhooks") | (Kind::Components, "pathItems") => Each(Kind::PathItem),
        (Kind::Components, "schemas") => Below::Schemas,
        (Kind::Components | Kind::Operation, "callbacks") => Each(Kind::Callback),
        (Kind::Components, "parameters" | "headers" | "requestBodies" | "responses" | "mediaTypes")
        | (Kind::PathItem | Kind::Operation, "parameters")
        | (Kind::Operation, "responses")
        | (Kind::Content, "content" | "headers" | "encoding") => Each(Kind::Content),
        (Kind::Operation, "requestBody") => One(Kind::Content),
        (Kind::Content, "schema" | "itemSchema" | "x-event-data") => Below::Schema,
        (Kind::PathItem, name) if !name.starts_with("x-") => One(Kind::Operation),
        (Kind::Callback, name) if !name.starts_with("x-") => One(Kind::PathItem),
        _ => Nothing,
    }
}

/// The schemas that the parts of a document have, each with its pointer; not those within schemas.
pub(super) fn roots<'d>(document: &'d Value<'static>) -> Vec<(String, &'d Value<'static>)> {
    let mut roots = Roots { found: Vec::new(), referenced: Vec::new() };
    roots.collect(Kind::Document, document, "");
    // A part may be anywhere, if a reference leads there.
    let mut seen = HashSet::new();
    while let Some((kind, pointer)) = roots.referenced.pop() {
        if let (true, Some(value)) = (seen.insert(pointer.clone()), document.at(&pointer)) {
            roots.collect(kind, value, &pointer);
        }
    }
    roots.found
}

/// Schemas that were found, and references to parts that are still to be looked at.
struct Roots<'d> {
    found: Vec<(String, &'d Value<'static>)>,
    referenced: Vec<(Kind, String)>,
}

impl<'d> Roots<'d> {
    // No deeper than the document, whose depth the parser bounds.
    fn collect(&mut self, kind: Kind, value: &'d Value<'static>, pointer: &str) {
        let Value::Object(members) = value else { return };
        if let Some(Value::String(reference)) = value.member("$ref")
            && let Some(pointer) = reference.strip_prefix('#')
            && let Ok(pointer) = percent_decode_str(pointer).decode_utf8()
        {
            self.referenced.push((kind, pointer.into_owned()));
        }
        for (name, member) in members {
            let here = parts(kind, name);
            if matches!(here, Below::Nothing) {
                continue;
            }
            let pointer = below(pointer, name);
            match here {
                Below::Nothing => (),
                Below::One(kind) => self.collect(kind, member, &pointer),
                Below::Each(kind) => each(member, |name, item| self.collect(kind, item, &below(&pointer, name))),
                Below::Schema => self.found.push((pointer, member)),
                Below::Schemas => each(member, |name, item| self.found.push((below(&pointer, name), item))),
            }
        }
    }
}

/// Properties of an object by name, items of an array by index.
fn each<'d>(value: &'d Value<'static>, mut visit: impl FnMut(&str, &'d Value<'static>)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| visit(name, member)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| visit(&index.to_string(), item)),
        _ => (),
    }
}
