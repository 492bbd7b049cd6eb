//! Rows to list, inserted by SQL.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

pub use testkit::pages::{next_link, next_page, walk, with};

pub const TASKS: &str = "/api/v1/tasks";

/// Every order of the list of tasks, and its SQL.
pub const TASK_SORTS: [(&str, &str); 10] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("updated_at", "coalesce(updated_at, created_at), id"),
    ("-updated_at", "coalesce(updated_at, created_at) DESC, id DESC"),
    ("due_date", "due_date ASC NULLS LAST, id"),
    ("-due_date", "due_date DESC NULLS LAST, id DESC"),
    ("title", "title_key, id"),
    ("-title", "title_key DESC, id DESC"),
];

/// The same of projects and users.
pub const PROJECT_SORTS: [(&str, &str); 6] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("title", "title_key, id"),
    ("-title", "title_key DESC, id DESC"),
];
pub const USER_SORTS: [(&str, &str); 6] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("email", "email_key, id"),
    ("-email", "email_key DESC, id DESC"),
];

/// A task as inserted; times are in days from a fixed one.
#[derive(Debug, Clone)]
pub struct Row {
    pub title: String,
    pub description: Option<String>,
    pub status: &'static str,
    pub due: Option<i32>,
    pub assignee: Option<i64>,
    pub created: i32,
    pub updated: Option<i32>,
}

/// The time of a number of days.
pub const DAY: &str = "timestamptz '2030-01-01T00:00:00.000123Z' + interval '1 day' * ";

/// An empty project of a user.
pub async fn project(db: &mut PgConnection, owner: i64) -> i64 {
    const SQL: &str = "INSERT INTO projects (title, owner_id) VALUES ('Rows', $1) RETURNING id";
    sqlx::query_scalar(SQL).bind(owner).fetch_one(db).await.expect("a project")
}

/// Inserts tasks into a project and returns their ids, in the order of the rows.
pub async fn insert(db: &mut PgConnection, project: i64, rows: &[Row]) -> Vec<i64> {
    let sql = format!(
        "INSERT INTO tasks (project_id, title, description, status, due_date, assignee_id, created_at, updated_at)
         VALUES ($1, $2, $3, $4, {DAY} $5, $6, {DAY} $7, {DAY} $8) RETURNING id"
    );
    let mut ids = Vec::new();
    for row in rows {
        let id = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
            .bind(project)
            .bind(&row.title)
            .bind(&row.description)
            .bind(row.status)
            .bind(row.due)
            .bind(row.assignee)
            .bind(row.created)
            .bind(row.updated)
            .fetch_one(&mut *db)
            .await
            .expect("a row");
        ids.push(id);
    }
    ids
}

/// A project's tasks in an order, according to Postgres.
pub async fn order(db: &mut PgConnection, project: i64, by: &str) -> Vec<i64> {
    let sql = format!("SELECT id FROM tasks WHERE project_id = {project} ORDER BY {by}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.expect("ids")
}

pub fn ids_of(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(crate::world::id).collect()
}
