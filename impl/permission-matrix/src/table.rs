//! What a document says about permissions: `x-relations`, and `x-permission` of each operation (docs/guides/writing-documents.md).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A kind of objects.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Kind {
    /// The code of the 404 for what is hidden.
    #[serde(default = "not_found")]
    pub(super) missing: String,
    #[serde(default)]
    relations: BTreeMap<String, String>,
}

fn not_found() -> String {
    "not_found".to_owned()
}

/// Who may call an operation.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Permission {
    pub(super) on: Option<String>,
    pub(super) each: Option<String>,
    pub(super) allow: Vec<String>,
    pub(super) production: Option<Vec<String>>,
    #[serde(default)]
    pub(super) forbid: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Field>,
}

/// What is required of an object that a parameter or property names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Field {
    Named {
        on: String,
        allow: Vec<String>,
        by: Option<Vec<String>>,
        clear: Option<Vec<String>>,
    },
    Filter {
        #[expect(dead_code, reason = "what is tried are the values that listed objects have")]
        filter: String,
    },
    Unchecked(#[expect(dead_code, reason = "the one word there is")] String),
}

/// An operation of a document.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    /// Its parameters, with those of the path, without references.
    pub(super) parameters: Vec<Value>,
    pub(super) described: Value,
    pub(super) permission: Permission,
    /// Whether a token may be absent, but not invalid.
    pub(super) is_optional: bool,
}

impl Operation {
    pub(super) fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    /// The parameter with this name, of any place.
    pub(super) fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.iter().find(|one| one["name"] == name)
    }
}

/// The permissions of a document.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) document: Value,
    pub(super) kinds: BTreeMap<String, Kind>,
    pub(super) operations: Vec<Operation>,
    /// Whether those of production apply.
    pub(super) is_production: bool,
}

impl Table {
    /// # Panics
    /// When an operation has no permission: the lint would not have accepted the document.
    pub(super) fn of(document: Value, is_production: bool) -> Self {
        let kinds = match &document["x-relations"] {
            Value::Null => BTreeMap::new(),
            kinds => serde_json::from_value(kinds.clone()).expect("x-relations is a table of kinds"),
        };
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, described) in item.as_object().into_iter().flatten() {
                let Some(id) = described["operationId"].as_str() else { continue };
                let permission = match &described["x-permission"] {
                    Value::String(one) => Permission { allow: vec![one.clone()], ..Permission::default() },
                    given => serde_json::from_value(given.clone())
                        .unwrap_or_else(|error| panic!("x-permission of {id}: {error}")),
                };
                let lists = [&item["parameters"], &described["parameters"]];
                let parameters = lists.into_iter().filter_map(Value::as_array).flatten();
                operations.push(Operation {
                    id: id.to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    parameters: parameters.map(|one| resolved(&document, one).clone()).collect(),
                    described: described.clone(),
                    permission,
                    is_optional: described["x-optional-auth"] == true,
                });
            }
        }
        Self { document, kinds, operations, is_production }
    }

    /// What a caller may be to an object of a kind.
    pub(super) fn relations(&self, kind: &str) -> Vec<&str> {
        self.kinds[kind].relations.keys().map(String::as_str).collect()
    }

    /// Combinations of relations that are tried: none, each, and all of them.
    pub(super) fn combinations(&self, kind: &str) -> Vec<Vec<String>> {
        let all: Vec<String> = self.kinds[kind].relations.keys().cloned().collect();
        let mut combinations = vec![Vec::new()];
        combinations.extend(all.iter().map(|one| vec![one.clone()]));
        if all.len() > 1 {
            combinations.push(all);
        }
        combinations
    }

    pub(super) fn missing(&self, kind: &str) -> &str {
        &self.kinds[kind].missing
    }

    /// Who may, in this environment.
    pub(super) fn allowed<'a>(&self, permission: &'a Permission) -> &'a [String] {
        permission.production.as_deref().filter(|_| self.is_production).unwrap_or(&permission.allow)
    }

    /// The operation that reads an object of a kind.
    pub(super) fn reads(&self, kind: &str) -> Option<&Operation> {
        let end = format!("/{{{kind}_id}}");
        let fits =
            |one: &&Operation| one.is_safe() && one.permission.on.as_deref() == Some(kind) && one.path.ends_with(&end);
        self.operations.iter().find(fits)
    }

    pub(super) fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        resolved(&self.document, node)
    }
}

/// What a reference leads to; bundled documents refer to themselves only.
fn resolved<'a>(document: &'a Value, node: &'a Value) -> &'a Value {
    let target = node["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    target.unwrap_or(node)
}
