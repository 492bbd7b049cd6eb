//! What the table says a caller gets: nothing here knows any service.

use std::fmt;

use super::table::{Field, Operation, Permission, Table};

/// In `forbid`: callers with an API token.
const API_TOKEN: &str = "api_token";

/// Kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// Without a token.
    Anonymous,
    User,
    Superuser,
    /// A user with an API token.
    Program,
    /// A superuser with an API token that has not the scope.
    ScopedProgram,
    /// With a token of a session that has ended.
    LoggedOut,
    /// With a token from before the account was deactivated.
    Deactivated,
    /// With a token from before the account was deleted.
    Deleted,
}

impl Role {
    pub(super) const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::User,
        Self::Superuser,
        Self::Program,
        Self::ScopedProgram,
        Self::LoggedOut,
        Self::Deactivated,
        Self::Deleted,
    ];

    /// Whether such a caller can have relations to objects.
    pub(super) fn has_relations(self) -> bool {
        !matches!(self, Self::Anonymous | Self::Deleted)
    }

    /// Whether the token is not valid any more.
    fn is_past(self) -> bool {
        matches!(self, Self::LoggedOut | Self::Deactivated | Self::Deleted)
    }

    fn is_program(self) -> bool {
        matches!(self, Self::Program | Self::ScopedProgram)
    }
}

/// An object, as a caller finds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Object {
    /// With these relations to the caller.
    Related(Vec<String>),
    Missing,
    /// No object at all: null.
    Null,
}

impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Related(relations) if relations.is_empty() => out.write_str("another's"),
            Self::Related(relations) => out.write_str(&relations.join("+")),
            Self::Missing => out.write_str("missing"),
            Self::Null => out.write_str("null"),
        }
    }
}

/// A field of the request that names an object.
#[derive(Debug, Clone)]
pub(super) struct Reference<'a> {
    pub(super) field: &'a Field,
    pub(super) object: Object,
    /// Whether it differs from what the object of the operation has.
    pub(super) is_change: bool,
}

/// What the response has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    Success,
    Problem(u16, String),
}

impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => out.write_str("2xx"),
            Self::Problem(status, code) => write!(out, "{status} {code}"),
        }
    }
}

fn problem(status: u16, code: &str) -> Expected {
    Expected::Problem(status, code.to_owned())
}

/// Whether a caller is among those of a list.
pub(super) fn is_in(list: &[String], role: Role, relations: &[String]) -> bool {
    list.iter().any(|one| match one.as_str() {
        "anyone" => true,
        "user" => role != Role::Anonymous && !role.is_past(),
        "superuser" => role == Role::Superuser,
        relation => relations.iter().any(|other| other == relation),
    })
}

/// What a caller gets for a request about an object, if the operation is about one, that names another, if it does.
pub(super) fn expected(
    table: &Table,
    operation: &Operation,
    role: Role,
    object: Option<&Object>,
    reference: Option<&Reference<'_>>,
) -> Expected {
    let permission = &operation.permission;
    let allowed = table.allowed(permission);
    if let Some(refusal) = by_token(operation, allowed, role) {
        return refusal;
    }
    // A token that is not read is none.
    let role = if role.is_past() { Role::Anonymous } else { role };
    let mut relations: &[String] = &[];
    if let (Some(kind), Some(object)) = (&permission.on, object) {
        let Object::Related(has) = object else { return problem(404, table.missing(kind)) };
        relations = has;
        if !is_in(allowed, role, relations) {
            return forbidden(permission, relations).unwrap_or_else(|| problem(404, table.missing(kind)));
        }
    }
    reference.map_or(Expected::Success, |reference| by_reference(table, permission, role, relations, reference))
}

fn by_token(operation: &Operation, allowed: &[String], role: Role) -> Option<Expected> {
    let is_open = allowed.iter().any(|one| one == "anyone");
    let is_scoped = allowed.iter().all(|one| one == "superuser");
    match role {
        Role::Anonymous => (!is_open).then(|| problem(401, "missing_token")),
        _ if role.is_past() => (!is_open || operation.is_optional).then(|| problem(401, "invalid_token")),
        Role::Superuser => None,
        _ if is_scoped => Some(problem(403, "insufficient_scope")),
        _ if role.is_program() => operation.permission.forbid.get(API_TOKEN).map(|code| problem(403, code)),
        _ => None,
    }
}

fn forbidden(permission: &Permission, relations: &[String]) -> Option<Expected> {
    let code = permission.forbid.iter().find(|(relation, _)| relations.contains(relation))?.1;
    Some(problem(403, code))
}

fn by_reference(
    table: &Table,
    permission: &Permission,
    role: Role,
    relations: &[String],
    Reference { field, object, is_change, .. }: &Reference<'_>,
) -> Expected {
    let Field::Named { on: target, allow, by, clear } = field else { return Expected::Success };
    let may = if *object == Object::Null { clear.as_ref().or(by.as_ref()) } else { by.as_ref() };
    if *is_change && may.is_some_and(|may| !is_in(may, role, relations)) {
        let kind = permission.on.as_deref().unwrap_or_default();
        return forbidden(permission, relations).unwrap_or_else(|| problem(404, table.missing(kind)));
    }
    match object {
        Object::Null => Expected::Success,
        Object::Related(has) if is_in(allow, role, has) => Expected::Success,
        _ => problem(404, table.missing(target)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        let task = json!({"on": "task", "allow": ["owner", "assignee", "superuser"], "forbid": {"assignee": "owner_only"},
            "fields": {"project_id": {"by": ["owner"], "on": "project", "allow": ["owner"]}}});
        let operation = |id: &str, permission| json!({"operationId": id, "x-permission": permission});
        let document = json!({
            "x-relations": {"task": {"missing": "task_not_found", "relations": {"owner": "a", "assignee": "b"}},
                "project": {"relations": {"owner": "a"}}},
            "paths": {"/tasks/{task_id}": {"put": operation("put", task), "get": operation("get", json!("superuser"))}},
        });
        Table::of(document, false)
    }

    #[test]
    fn each_step_has_its_response() {
        let table = table();
        let operation = |id: &str| table.operations.iter().find(|one| one.id == id).expect("an operation");
        let (put, get) = (operation("put"), operation("get"));
        let object = |relations: &[&str]| Object::Related(relations.iter().map(|one| (*one).to_owned()).collect());
        let plain = |role, object: &Object| expected(&table, put, role, Some(object), None).to_string();
        assert_eq!(plain(Role::Anonymous, &object(&[])), "401 missing_token");
        assert_eq!(plain(Role::Deleted, &object(&[])), "401 invalid_token");
        assert_eq!(plain(Role::User, &object(&[])), "404 task_not_found");
        assert_eq!(plain(Role::Superuser, &Object::Missing), "404 task_not_found");
        assert_eq!(plain(Role::User, &object(&["assignee"])), "2xx");
        assert_eq!(expected(&table, get, Role::User, None, None).to_string(), "403 insufficient_scope");
        let moved = |relations: &[&str], target: Object, is_change| {
            let field = &put.permission.fields["project_id"];
            let reference = Reference { field, object: target, is_change };
            expected(&table, put, Role::User, Some(&object(relations)), Some(&reference)).to_string()
        };
        assert_eq!(moved(&["assignee"], object(&["owner"]), true), "403 owner_only");
        assert_eq!(moved(&["assignee"], object(&["owner"]), false), "2xx");
        assert_eq!(moved(&["owner"], object(&[]), true), "404 not_found");
        assert_eq!(moved(&["owner"], object(&["owner"]), true), "2xx");
    }
}
