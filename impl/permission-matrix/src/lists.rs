//! Cells of lists: each has exactly the objects that the caller may see, whatever the filters, the order and the page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::people::Caller;
use super::rules::{Expected, Object, Role, expected, is_in};
use super::sample::{argument, missing, plain};
use super::table::{Field, Operation};
use super::{Fixture, Matrix, Request};
use testkit::{Answer, Client};

/// The largest page, and pages that are read at most.
const LIMIT: i64 = 1_000;
const MAX_PAGES: usize = 50;
/// Parameters that say which part of a list is wanted.
const PAGING: [&str; 4] = ["skip", "limit", "cursor", "count"];

/// Objects of a kind with each combination of relations to the caller, and which of them are visible.
struct Scene {
    objects: Vec<(Object, Value)>,
    visible: BTreeSet<String>,
    /// Whether others see the same, so that the list may have more.
    is_shared: bool,
}

impl<F: Fixture> Matrix<F> {
    /// Every cell of a list and a role.
    pub(super) async fn list(&self, operation: &Operation, kind: &str, role: Role) {
        let caller = self.caller(role).await;
        let client = self.enter(&caller).await;
        let wanted = expected(&self.table, operation, role, None, None);
        let plain = self.page(operation);
        if wanted != Expected::Success {
            let answer = self.send(&client, operation, &plain).await;
            return self.compare(operation, format!("{role:?}"), &wanted, &answer);
        }
        // What there is of the caller's without being made, such as a session. Of who sees everything it is others', who may delete it meanwhile.
        let before: BTreeSet<String> = ids(&self.send(&client, operation, &plain).await).collect();
        let scene = self.scene(operation, kind, &caller, before).await;
        self.all(operation, role, &client, &scene, &plain).await;
        self.filters(operation, kind, role, &client, &scene).await;
        self.variants(operation, role, &client, &scene).await;
        self.cursor(operation, role, &client, &scene).await;
    }

    async fn scene(&self, operation: &Operation, kind: &str, caller: &Caller, before: BTreeSet<String>) -> Scene {
        let allowed = self.table.allowed(&operation.permission);
        let is_shared = is_in(allowed, caller.role, &[]);
        let visible = if is_shared { BTreeSet::new() } else { before };
        let mut scene = Scene { objects: Vec::new(), visible, is_shared };
        for object in self.of_kind(kind, caller.role) {
            let Object::Related(relations) = &object else { continue };
            let id = self.make(kind, caller, relations, false).await;
            if is_in(allowed, caller.role, relations) {
                scene.visible.insert(plain(&id));
            }
            scene.objects.push((object, id));
        }
        scene
    }

    fn page(&self, operation: &Operation) -> Request {
        let mut request = self.request(operation);
        if operation.parameter("limit").is_some() {
            request.query.insert("limit".to_owned(), LIMIT.into());
        }
        request
    }

    /// All pages: everything that is visible, and nothing else; and so many.
    async fn all(&self, operation: &Operation, role: Role, client: &Client, scene: &Scene, plain: &Request) {
        let mut request = plain.clone();
        let is_counted = operation.parameter("count").is_some();
        if is_counted {
            request.query.insert("count".to_owned(), true.into());
        }
        let mut listed = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let answer = self.send(client, operation, &request).await;
            if !answer.status.is_success() {
                return self.compare(operation, format!("{role:?}"), &Expected::Success, &answer);
            }
            listed.extend(ids(&answer));
            let counted = answer.header("x-total-count").to_owned();
            if is_counted && !scene.is_shared && counted != scene.visible.len().to_string() {
                let difference = format!("expected {} objects, counted {counted}", scene.visible.len());
                self.note(operation, format!("{role:?}, count"), Some(difference));
            }
            let cursor = answer.header("x-next-cursor");
            if cursor.is_empty() {
                break;
            }
            request.query.insert("cursor".to_owned(), cursor.into());
        }
        let absent: Vec<_> = scene.visible.difference(&listed).collect();
        let difference = (!absent.is_empty()).then(|| format!("{absent:?} are not listed"));
        self.note(operation, format!("{role:?}, everything"), difference.or_else(|| scene.excess(&listed)));
    }

    /// Each filter by what names an object, with the value that each object has: it is found by whom it is visible to.
    async fn filters(&self, operation: &Operation, kind: &str, role: Role, client: &Client, scene: &Scene) {
        for (name, field) in &operation.permission.fields {
            if !matches!(field, Field::Filter { .. }) {
                continue;
            }
            let mut cells = vec![(Object::Missing, None, missing(&self.table, operation, name))];
            for (object, id) in &scene.objects {
                let value = self.state(kind, id).await.map_or(Value::Null, |state| state[name].clone());
                if !value.is_null() {
                    cells.push((object.clone(), Some(plain(id)), value));
                }
            }
            for (object, id, value) in cells {
                let mut request = self.page(operation);
                request.set(operation, name, value);
                let answer = self.send(client, operation, &request).await;
                let found = id.filter(|id: &String| scene.visible.contains(id));
                self.listed(operation, format!("{role:?}, {name} of {object}"), scene, &answer, found);
            }
        }
    }

    /// Each value of other parameters, which may have a statement of its own.
    async fn variants(&self, operation: &Operation, role: Role, client: &Client, scene: &Scene) {
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let is_known = PAGING.contains(&name) || operation.permission.fields.contains_key(name);
            if parameter["in"] != "query" || is_known {
                continue;
            }
            for value in self.values(parameter) {
                let mut request = self.page(operation);
                let cell = format!("{role:?}, {name}={value}");
                request.query.insert(name.to_owned(), value);
                let answer = self.send(client, operation, &request).await;
                self.listed(operation, cell, scene, &answer, None);
            }
        }
    }

    fn values(&self, parameter: &Value) -> Vec<Value> {
        let schema = self.table.resolved(&parameter["schema"]);
        let item = self.table.resolved(&schema["items"]);
        let listed = [&schema["enum"], &item["enum"]].into_iter().find_map(Value::as_array);
        match (listed, schema["type"].as_str()) {
            (Some(values), _) => values.clone(),
            (None, Some("boolean")) => vec![true.into(), false.into()],
            _ => vec![argument(&self.table, parameter)],
        }
    }

    /// The page of another who sees everything is continued with what this caller sees.
    async fn cursor(&self, operation: &Operation, role: Role, client: &Client, scene: &Scene) {
        if operation.parameter("cursor").is_none() {
            return;
        }
        let mut request = self.request(operation);
        request.query.insert("limit".to_owned(), 1.into());
        let first = self.send(&self.administrator, operation, &request).await;
        let cursor = first.header("x-next-cursor");
        if cursor.is_empty() {
            return;
        }
        request.query.insert("cursor".to_owned(), cursor.into());
        request.query.insert("limit".to_owned(), LIMIT.into());
        let answer = self.send(client, operation, &request).await;
        self.listed(operation, format!("{role:?}, another's cursor"), scene, &answer, None);
    }

    /// A list without anything hidden, and with `found`.
    fn listed(&self, operation: &Operation, cell: String, scene: &Scene, answer: &Answer, found: Option<String>) {
        if !answer.status.is_success() {
            return self.compare(operation, cell, &Expected::Success, answer);
        }
        let listed: BTreeSet<String> = ids(answer).collect();
        let absent = found.filter(|id| !listed.contains(id)).map(|id| format!("{id} is not listed"));
        self.note(operation, cell, absent.or_else(|| scene.excess(&listed)));
    }
}

/// The ids of a page, as text.
fn ids(answer: &Answer) -> impl Iterator<Item = String> {
    answer.json.as_array().into_iter().flatten().map(|one| plain(&one["id"]))
}

impl Scene {
    /// What is listed and should not be.
    fn excess(&self, listed: &BTreeSet<String>) -> Option<String> {
        let excess: Vec<_> = listed.difference(&self.visible).collect();
        (!self.is_shared && !excess.is_empty()).then(|| format!("{excess:?} are listed, which are not visible"))
    }
}
