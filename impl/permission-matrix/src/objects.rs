//! Cells of operations on one object, or on none.

use serde_json::Value;

use super::people::{Caller, Relations};
use super::rules::{Expected, Object, Reference, Role, expected};
use super::sample::{argument, missing, property};
use super::table::{Field, Operation};
use super::{Fixture, Matrix, Request};
use testkit::Answer;

/// What a cell is about: the object of the operation, if it has one, and a field that names another.
struct Cell<'a> {
    object: Option<Object>,
    reference: Option<(&'a str, &'a Field, Object)>,
}

impl<F: Fixture> Matrix<F> {
    /// Every cell of an operation and a role.
    pub(super) async fn operation(&self, operation: &Operation, role: Role) {
        if operation.is_planned {
            return self.cell(operation, role, Cell { object: None, reference: None }).await;
        }
        for object in self.objects(operation.permission.on.as_deref(), role) {
            self.cell(operation, role, Cell { object: object.clone(), reference: None }).await;
            for (name, field) in &operation.permission.fields {
                for named in self.named(field, role) {
                    let reference = Some((name.as_str(), field, named));
                    self.cell(operation, role, Cell { object: object.clone(), reference }).await;
                }
            }
        }
        if role == Role::User && !operation.described["x-idempotency"].is_null() {
            self.replay(operation).await;
        }
    }

    fn objects(&self, kind: Option<&str>, role: Role) -> Vec<Option<Object>> {
        let Some(kind) = kind else { return vec![None] };
        self.of_kind(kind, role).into_iter().map(Some).collect()
    }

    /// Objects of a kind, as such a caller may find them.
    pub(super) fn of_kind(&self, kind: &str, role: Role) -> Vec<Object> {
        let combinations = self.table.combinations(kind).into_iter();
        let possible = combinations.filter(|one| one.is_empty() || role.has_relations());
        possible.map(Object::Related).chain([Object::Missing]).collect()
    }

    fn named(&self, field: &Field, role: Role) -> Vec<Object> {
        match field {
            Field::Named { on, clear, .. } => {
                let mut objects = self.of_kind(on, role);
                objects.extend(clear.as_ref().map(|_| Object::Null));
                objects
            }
            Field::Filter { .. } | Field::Unchecked(_) => vec![Object::Missing],
        }
    }

    /// Makes an object to which the caller has these relations, and strangers the others: new ones where the object `is_changed`.
    pub(super) async fn make(&self, kind: &str, caller: &Caller, relations: &[String], is_changed: bool) -> Value {
        let mut people = Vec::new();
        for relation in self.table.relations(kind) {
            let is_callers = relations.iter().any(|one| one == relation);
            let person =
                if is_callers { caller.person.clone() } else { self.people.stranger(&self.service, is_changed).await };
            people.push((relation.to_owned(), person));
        }
        self.fixture.make(&self.service, &self.administrator, kind, &Relations::new(people)).await
    }

    /// The id of an object, for a field of an operation.
    async fn id_of(&self, kind: &str, caller: &Caller, object: &Object, (of, name): (&Operation, &str)) -> Value {
        match object {
            Object::Related(relations) => {
                let is_own = of.permission.on.as_deref() == Some(kind) && name == format!("{kind}_id");
                self.make(kind, caller, relations, is_own && !of.is_safe()).await
            }
            Object::Missing => missing(&self.table, of, name),
            Object::Null => Value::Null,
        }
    }

    async fn cell(&self, operation: &Operation, role: Role, cell: Cell<'_>) {
        let Cell { object, reference } = cell;
        let caller = self.caller(role).await;
        let mut request = self.request(operation);
        let id = self.prepare(operation, &caller, object.as_ref(), &mut request).await;
        let on = operation.permission.on.as_deref();
        let mut name = format!("{role:?}");
        if let Some(object) = &object {
            name += &format!(", {} {object}", on.unwrap_or_default());
        }
        let mut changed = None;
        if let Some((field_name, field, target)) = reference {
            let value = match field {
                Field::Named { on, .. } => self.id_of(on, &caller, &target, (operation, field_name)).await,
                Field::Filter { .. } | Field::Unchecked(_) => self.anything(operation, field_name),
            };
            name += &format!(", {field_name} {target}");
            let current = match (on, &id) {
                (Some(kind), Some(id)) => self.state(kind, id).await,
                _ => None,
            };
            let is_change = current.is_none_or(|current| current[field_name] != value);
            request.set(operation, field_name, value);
            changed = Some(Reference { field, object: target, is_change });
        }
        let expected = expected(&self.table, operation, role, object.as_ref(), changed.as_ref());
        let client = self.enter(&caller).await;
        if expected == Expected::Success {
            self.fixture.arrange(&operation.id, &client, &caller.person, &mut request).await;
        }
        let before = self.guarded(operation, &expected, id.as_ref()).await;
        let answer = self.send(&client, operation, &request).await;
        self.compare(operation, name.clone(), &expected, &answer);
        // Whoever is rejected has changed nothing.
        if let (Some(before), Some(kind), Some(id)) = (before, on, id) {
            let after = self.state(kind, &id).await;
            if after.as_ref() != Some(&before) {
                self.fault(operation, format!("{name}, afterwards"), format!("{before} became {after:?}"));
            }
        }
    }

    /// Names the objects that the sample has to name, and returns the id of that of the operation.
    async fn prepare(
        &self,
        operation: &Operation,
        caller: &Caller,
        object: Option<&Object>,
        request: &mut Request,
    ) -> Option<Value> {
        for (name, field) in &operation.permission.fields {
            if let Field::Named { on, allow, .. } = field
                && !operation.is_planned
                && request.has(name)
            {
                let relations = self.table.relations(on);
                let fits = allow.iter().filter(|one| relations.contains(&one.as_str()) && caller.role.has_relations());
                let relations: Vec<String> = fits.take(1).cloned().collect();
                let id = self.make(on, caller, &relations, false).await;
                request.set(operation, name, id);
            }
        }
        let kind = operation.permission.on.as_deref()?;
        let name = format!("{kind}_id");
        let id = self.id_of(kind, caller, object?, (operation, &name)).await;
        request.set(operation, &name, id.clone());
        (*object? != Object::Missing).then_some(id)
    }

    /// A value that names nothing, of the type of the field.
    fn anything(&self, operation: &Operation, name: &str) -> Value {
        match operation.parameter(name) {
            Some(parameter) => argument(&self.table, parameter),
            None => property(&self.table, operation, name),
        }
    }

    /// The state of an object before a request that has to be rejected.
    async fn guarded(&self, operation: &Operation, expected: &Expected, id: Option<&Value>) -> Option<Value> {
        if operation.is_safe() || *expected == Expected::Success {
            return None;
        }
        self.state(operation.permission.on.as_deref()?, id?).await
    }

    /// Another user repeats a request with the idempotency key of the first one: it is not that one's response.
    async fn replay(&self, operation: &Operation) {
        let on = operation.permission.on.as_deref();
        let relations = on.map_or_else(Vec::new, |kind| self.table.relations(kind));
        let own = Object::Related(relations.iter().map(|one| (*one).to_owned()).collect());
        let (first, second) = (self.caller(Role::User).await, self.caller(Role::User).await);
        let mut request = self.request(operation);
        self.prepare(operation, &first, Some(&own), &mut request).await;
        request.headers.insert("Idempotency-Key".to_owned(), "the-same".into());
        let clients = [self.enter(&first).await, self.enter(&second).await];
        let is_replayed = |answer: &Answer| answer.header("idempotent-replayed") == "true";
        let answer = self.send(&clients[0], operation, &request).await;
        let again = self.send(&clients[0], operation, &request).await;
        let is_kept = answer.status.is_success() && is_replayed(&again);
        let difference = (!is_kept).then(|| format!("{} {}, then {}", answer.status, answer.text, again.text));
        self.note(operation, "User, own idempotency key".to_owned(), difference);
        let other = self.send(&clients[1], operation, &request).await;
        let object = on.map(|_| Object::Related(Vec::new()));
        let wanted = expected(&self.table, operation, Role::User, object.as_ref(), None);
        let name = "User, another's idempotency key".to_owned();
        if is_replayed(&other) {
            self.note(operation, name, Some(format!("got the other's response: {}", other.text)));
        } else {
            self.compare(operation, name, &wanted, &other);
        }
    }
}
