//! From a document to its schemas: every place that has one, and every keyword of it.
//!
//! Schemas are numbered as they are met and read from a queue, so that neither nesting nor references recurse here.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::finish;
use super::keyword::Keyword;
use super::model::{Compiled, Discriminator, Id, Schema};
use super::places::roots;
use super::resources::Resources;
use values::Value;
use values::pointer::below;

/// Which JSON Schema it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// OpenAPI 3.0: draft 4 with changes; references ignore what stands beside them.
    Old,
    /// As `Old`, with what our own documents mean by `nullable`.
    House,
    /// OpenAPI 3.1: draft 2020-12.
    New,
}

/// A reference that waits until all schemas are known.
struct Reference {
    from: Id,
    text: Cow<'static, str>,
    dynamic: bool,
}

struct Compiler<'d> {
    root: &'d Value<'static>,
    dialect: Dialect,
    compiled: Compiled,
    resources: Resources,
    queue: VecDeque<(Id, &'d Value<'static>)>,
    references: Vec<Reference>,
}

/// All schemas of a document.
///
/// # Errors
/// The pointer of what is no schema, and why.
pub(super) fn compile(root: &Value<'static>, house: bool) -> Result<Compiled, String> {
    let Value::Object(_) = root else { return Err("#: must be an object".to_owned()) };
    let version = match root.member("openapi") {
        Some(Value::String(version)) => &**version,
        _ => "",
    };
    let dialect = match version.split('.').collect::<Vec<_>>()[..] {
        ["3", "0", ..] if house => Dialect::House,
        ["3", "0", ..] => Dialect::Old,
        ["3", "1" | "2", ..] => Dialect::New,
        _ => return Err("#/openapi: must be 3.0 or 3.1".to_owned()),
    };
    let mut compiler = Compiler {
        root,
        dialect,
        compiled: Compiled::default(),
        resources: Resources::new(),
        queue: VecDeque::new(),
        references: Vec::new(),
    };
    for (pointer, value) in roots(root) {
        compiler.place(pointer, value, 0);
    }
    compiler.run()?;
    let Compiler { mut compiled, resources, .. } = compiler;
    compiled.dynamic = resources.dynamic();
    finish::finish(&mut compiled)?;
    Ok(compiled)
}

impl<'d> Compiler<'d> {
    fn run(&mut self) -> Result<(), String> {
        loop {
            while let Some((id, value)) = self.queue.pop_front() {
                let schema = std::mem::take(&mut self.compiled.schemas[id]);
                self.compiled.schemas[id] = self.read(id, schema, value)?;
            }
            if self.references.is_empty() {
                return Ok(());
            }
            // What they name may be a schema only because they name it, with references of its own.
            for reference in std::mem::take(&mut self.references) {
                self.resolve(&reference)?;
            }
        }
    }

    fn resolve(&mut self, reference: &Reference) -> Result<(), String> {
        let Reference { from, text, dynamic } = reference;
        let Schema { pointer, resource, .. } = &self.compiled.schemas[*from];
        let broken = |reason: &str| format!("#{pointer}: the reference {text} {reason}");
        let mut target = self.resources.target(*resource, text).map_err(broken)?;
        // Where it leads nowhere within the schema whose `$id` surrounds it, the document is meant.
        if text.starts_with("#/") && self.root.at(&target.pointer).is_none() {
            target = self.resources.target(0, text).map_err(broken)?;
        }
        let id = match self.compiled.places.get(&target.pointer) {
            Some(id) => *id,
            None => {
                let value = self.root.at(&target.pointer).ok_or_else(|| broken("leads nowhere"))?;
                let resource = self.resources.around(&target.pointer);
                self.place(target.pointer, value, resource)
            }
        };
        let schema = &mut self.compiled.schemas[*from];
        if *dynamic {
            schema.dynamic_reference = Some((id, target.dynamic.map(|name| self.resources.name(&name))));
        } else {
            schema.reference = Some(id);
        }
        Ok(())
    }

    /// The number of the schema at a place.
    fn place(&mut self, pointer: String, value: &'d Value<'static>, resource: usize) -> Id {
        let next = self.compiled.schemas.len();
        let id = *self.compiled.places.entry(pointer.clone()).or_insert(next);
        if id == next {
            self.compiled.schemas.push(Schema { pointer, resource, ..Schema::default() });
            self.queue.push_back((id, value));
        }
        id
    }

    fn read(&mut self, id: Id, mut schema: Schema, value: &'d Value<'static>) -> Result<Schema, String> {
        let members = match value {
            Value::Bool(valid) => {
                schema.never = !valid;
                return Ok(schema);
            }
            Value::Object(members) => members,
            _ => return Err(format!("#{}: must be a schema", schema.pointer)),
        };
        let reference = |name| match value.member(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        if self.dialect != Dialect::New
            && let Some(text) = reference("$ref")
        {
            self.references.push(Reference { from: id, text, dynamic: false });
            return Ok(schema);
        }
        if self.dialect == Dialect::New {
            let resources = &mut self.resources;
            if let Some(uri) = reference("$id") {
                schema.resource = resources.add(schema.resource, &uri, &schema.pointer)?;
            }
            for (keyword, dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
                if let Some(name) = reference(keyword) {
                    resources.anchor(schema.resource, name.into_owned(), id, &schema.pointer, dynamic);
                }
            }
        }
        for (name, said) in members {
            let keyword = Keyword { pointer: &schema.pointer.clone(), name, value: said };
            let known = keyword.assertion(&mut schema, value, self.dialect != Dialect::New)?
                || self.applicator(&mut schema, keyword)?
                || (self.dialect == Dialect::New && self.modern(id, &mut schema, keyword)?);
            // Unknown keywords are annotations.
            let _ = known;
        }
        if self.dialect == Dialect::House {
            schema.null = matches!(value.member("nullable"), Some(Value::Bool(true)));
        }
        Ok(schema)
    }

    fn discriminator(&self, keyword: Keyword<'_, 'd>) -> Option<Discriminator> {
        // A hint that is none does no harm.
        let Some(Value::String(property)) = keyword.value.member("propertyName") else { return None };
        let mapped = match keyword.value.member("mapping") {
            Some(Value::Object(mapped)) => &mapped[..],
            _ => &[],
        };
        let pointer = |to: &str| match self.resources.target(0, to) {
            Ok(target) if to.contains('#') => target.pointer,
            _ => below("/components/schemas", to),
        };
        let mapping = mapped.iter().filter_map(|(tag, to)| match to {
            Value::String(to) => Some((tag.clone(), pointer(to))),
            _ => None,
        });
        Some(Discriminator { property: property.clone(), mapping: mapping.collect() })
    }

    /// Keywords with schemas, or about them, that both dialects have.
    fn applicator(&mut self, schema: &mut Schema, keyword: Keyword<'_, 'd>) -> Result<bool, String> {
        match keyword.name {
            "allOf" => schema.all = self.list(schema.resource, keyword)?,
            "anyOf" => schema.any = self.list(schema.resource, keyword)?,
            "oneOf" => schema.one = self.list(schema.resource, keyword)?,
            "not" => schema.not = Some(self.one(schema.resource, keyword)),
            "items" => schema.rest = Some(self.one(schema.resource, keyword)),
            "properties" => schema.properties = self.map(schema.resource, keyword)?.into_iter().collect(),
            "discriminator" => schema.discriminator = self.discriminator(keyword),
            "additionalProperties" => schema.additional = Some(self.one(schema.resource, keyword)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Keywords of draft 2020-12 only.
    fn modern(&mut self, id: Id, schema: &mut Schema, keyword: Keyword<'_, 'd>) -> Result<bool, String> {
        let base = schema.resource;
        match keyword.name {
            "$ref" | "$dynamicRef" => {
                let text = keyword.text()?;
                self.references.push(Reference { from: id, text, dynamic: keyword.name == "$dynamicRef" });
            }
            "$defs" => drop(self.map(base, keyword)?),
            "if" => schema.condition = Some(self.one(base, keyword)),
            "then" => schema.then = Some(self.one(base, keyword)),
            "else" => schema.otherwise = Some(self.one(base, keyword)),
            "prefixItems" => schema.prefix = self.list(base, keyword)?,
            "contains" => schema.contains = Some(self.one(base, keyword)),
            "minContains" => schema.min_contains = Some(keyword.count()?),
            "maxContains" => schema.max_contains = Some(keyword.count()?),
            "patternProperties" => {
                let patterns = self.map(base, keyword)?.into_iter();
                let compiled = patterns.map(|(source, id)| Ok((keyword.pattern_of(&source)?, id)));
                schema.patterns = compiled.collect::<Result<_, String>>()?;
            }
            "propertyNames" => schema.names = Some(self.one(base, keyword)),
            "dependentRequired" => schema.dependent_required = keyword.dependent_names()?,
            "dependentSchemas" => schema.dependent_schemas = self.map(base, keyword)?,
            "unevaluatedItems" => schema.unevaluated_items = Some(self.one(base, keyword)),
            "unevaluatedProperties" => schema.unevaluated_properties = Some(self.one(base, keyword)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn one(&mut self, base: usize, keyword: Keyword<'_, 'd>) -> Id {
        self.place(below(keyword.pointer, keyword.name), keyword.value, base)
    }

    fn list(&mut self, base: usize, keyword: Keyword<'_, 'd>) -> Result<Vec<Id>, String> {
        let items = keyword.list()?;
        if items.is_empty() {
            return keyword.must("have at least one schema");
        }
        let pointer = below(keyword.pointer, keyword.name);
        Ok(items.iter().enumerate().map(|(n, item)| self.place(below(&pointer, &n.to_string()), item, base)).collect())
    }

    fn map(&mut self, base: usize, keyword: Keyword<'_, 'd>) -> Result<Vec<(Cow<'static, str>, Id)>, String> {
        let pointer = below(keyword.pointer, keyword.name);
        let members = keyword.members()?.iter();
        Ok(members.map(|(name, item)| (name.clone(), self.place(below(&pointer, name), item, base))).collect())
    }
}
