//! The document for property tests: operations, and schemas with their references resolved.

use std::sync::LazyLock;

use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(kitchen_sink_api::DOCUMENT).expect("the document is JSON"));

/// Keywords that the generator of values supports; a new one in the document fails the tests until it is supported, too.
const KNOWN: [&str; 24] = [
    "type",
    "nullable",
    "allOf",
    "description",
    "example",
    "default",
    "format",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
];

/// A schema with its references resolved.
#[derive(Clone, Copy)]
pub struct Schema {
    node: &'static Value,
    pub nullable: bool,
}

impl Schema {
    pub fn of(node: &'static Value) -> Self {
        let nullable = node["nullable"] == true;
        if let Some(inner) = node["allOf"].get(0) {
            return Self { nullable, ..Self::of(inner) };
        }
        let node = resolve(node);
        for keyword in node.as_object().expect("a schema is an object").keys() {
            let known = KNOWN.contains(&keyword.as_str()) || keyword == "maxProperties" || keyword.starts_with("x-");
            assert!(known, "the property tests do not know the keyword {keyword}: {node}");
        }
        Self { node, nullable: nullable || node["nullable"] == true }
    }

    pub fn kind(self) -> &'static str {
        self.node["type"].as_str().expect("every schema has a type")
    }

    pub fn text(self, keyword: &str) -> Option<&'static str> {
        self.node[keyword].as_str()
    }

    pub fn flag(self, keyword: &str) -> bool {
        self.node[keyword] == true
    }

    pub fn number(self, keyword: &str) -> Option<f64> {
        self.node[keyword].as_f64()
    }

    /// A limit of lengths and sizes.
    pub fn size(self, keyword: &str) -> Option<usize> {
        self.node[keyword].as_u64().map(|size| size as usize)
    }

    pub fn variants(self) -> Option<Vec<&'static str>> {
        self.node["enum"].as_array().map(|values| values.iter().filter_map(Value::as_str).collect())
    }

    pub fn items(self) -> Self {
        Self::of(&self.node["items"])
    }

    pub fn default(self) -> Option<&'static Value> {
        self.node.get("default")
    }

    pub fn properties(self) -> impl Iterator<Item = (&'static str, Self)> {
        let properties = self.node["properties"].as_object().into_iter().flatten();
        properties.map(|(name, schema)| (name.as_str(), Self::of(schema)))
    }

    pub fn requires(self, name: &str) -> bool {
        self.node["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    }

    /// The schema of additional fields, if there is one.
    pub fn others(self) -> Option<Self> {
        let others = &self.node["additionalProperties"];
        others.is_object().then(|| Self::of(others))
    }
}

fn resolve(node: &'static Value) -> &'static Value {
    match node["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(&reference[1..]).map(resolve).expect("references lead somewhere"),
        None => node,
    }
}

/// A parameter of an operation.
#[derive(Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub place: &'static str,
    pub required: bool,
    pub explode: bool,
    pub schema: Schema,
}

/// An operation and its inputs.
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub parameters: Vec<Parameter>,
    /// Media types of the body.
    pub media: Vec<&'static str>,
    pub body: Option<Schema>,
    /// The response repeats the body.
    pub echoes_body: bool,
    /// The response has a field for each parameter.
    pub echoes_parameters: bool,
    pub limit: usize,
    pub row_by_row: bool,
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let items = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten().filter(|(key, _)| *key != "parameters");
        methods.map(move |(method, node)| operation(path, item, method, node))
    });
    items.collect()
}

fn operation(path: &'static str, item: &'static Value, method: &'static str, node: &'static Value) -> Operation {
    let shared = item["parameters"].as_array().into_iter().flatten();
    let own = node["parameters"].as_array().into_iter().flatten();
    let parameters = shared.chain(own).map(resolve).map(|parameter| Parameter {
        name: parameter["name"].as_str().expect("a name"),
        place: parameter["in"].as_str().expect("a place"),
        required: parameter["required"] == true,
        explode: parameter["explode"] != false,
        schema: Schema::of(&parameter["schema"]),
    });
    let contents = node["requestBody"]["content"].as_object();
    let body = contents.and_then(|contents| contents.values().next()).map(|media| &media["schema"]);
    let answer = &node["responses"]["200"]["content"]["application/json"]["schema"];
    let same =
        |body: &Value| if body.get("$ref").is_some() { body == answer } else { body["items"] == answer["items"] };
    Operation {
        method,
        path,
        parameters: parameters.collect(),
        media: contents.into_iter().flatten().map(|(media, _)| media.as_str()).collect(),
        body: body.map(Schema::of),
        echoes_body: node["tags"][0] == "bodies" && body.is_some_and(same),
        echoes_parameters: node["tags"][0] == "parameters",
        limit: node["x-body-limit"].as_u64().unwrap_or(64 * 1024) as usize,
        row_by_row: node["x-row-errors"] == "collect",
    }
}
