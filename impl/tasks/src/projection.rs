//! The columns of each resource, named after its fields; those of a nested object have its name as a prefix.

/// Of a user `u`.
pub(crate) const USER: &str = "u.id, u.email, u.full_name, u.is_active, u.is_superuser, u.created_at, \
     coalesce(u.updated_at, u.created_at) AS updated_at";

/// Of a project `p`.
pub(crate) const PROJECT: &str =
    "p.id, p.title, p.description, p.owner_id, p.created_at, coalesce(p.updated_at, p.created_at) AS updated_at";

/// Of a task `t` and its assignee, a user `u` of an outer join.
pub(crate) const TASK: &str = r#"t.id, t.title, t.description, t.status, t.due_date, t.project_id, t.assignee_id,
     u.id AS "assignee.id", u.full_name AS "assignee.full_name",
     t.created_at, coalesce(t.updated_at, t.created_at) AS updated_at"#;

/// Of a task `t` in a list: the same, and the columns it is sorted by.
pub(crate) const LISTED_TASK: &str = "t.id, t.title, t.description, t.status, t.due_date, t.project_id, t.assignee_id, \
     t.created_at, t.updated_at, t.title_key";

/// Of the project `p` that a task is in.
pub(crate) const PROJECT_OF_TASK: &str = r#"p.id AS "project.id", p.title AS "project.title",
     p.description AS "project.description", p.owner_id AS "project.owner_id", p.created_at AS "project.created_at",
     coalesce(p.updated_at, p.created_at) AS "project.updated_at""#;
