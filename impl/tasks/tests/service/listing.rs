//! Rows to list, put there by SQL, and the walk along the pages of a list.

use reqwest::Url;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use testkit::{Answer, Client};

use crate::world::ids;

pub const TASKS: &str = "/api/v1/tasks";

/// Every order of the list of tasks, and what it means in SQL.
pub const TASK_SORTS: [(&str, &str); 10] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("updated_at", "coalesce(updated_at, created_at), id"),
    ("-updated_at", "coalesce(updated_at, created_at) DESC, id DESC"),
    ("due_date", "due_date ASC NULLS LAST, id"),
    ("-due_date", "due_date DESC NULLS LAST, id DESC"),
    ("title", "title, id"),
    ("-title", "title DESC, id DESC"),
];

/// The same of projects and users.
pub const PROJECT_SORTS: [(&str, &str); 6] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("title", "title, id"),
    ("-title", "title DESC, id DESC"),
];
pub const USER_SORTS: [(&str, &str); 6] = [
    ("id", "id"),
    ("-id", "id DESC"),
    ("created_at", "created_at, id"),
    ("-created_at", "created_at DESC, id DESC"),
    ("email", "email, id"),
    ("-email", "email DESC, id DESC"),
];

/// A task as it is put into the database; times are in days from a common one.
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

/// The time that stands for a number of days.
pub const DAY: &str = "timestamptz '2030-01-01T00:00:00.000123Z' + interval '1 day' * ";

/// A project of a user's with nothing in it.
pub async fn project(db: &mut PgConnection, owner: i64) -> i64 {
    const SQL: &str = "INSERT INTO projects (title, owner_id) VALUES ('Rows', $1) RETURNING id";
    sqlx::query_scalar(SQL).bind(owner).fetch_one(db).await.expect("a project")
}

/// Puts tasks into a project and yields their ids, in the order of the rows.
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

/// What Postgres says the order of a project's tasks is.
pub async fn order(db: &mut PgConnection, project: i64, by: &str) -> Vec<i64> {
    let sql = format!("SELECT id FROM tasks WHERE project_id = {project} ORDER BY {by}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(db).await.expect("ids")
}

/// `path` with one more parameter.
pub fn with(path: &str, name: &str, value: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{name}={value}")
}

/// The path and query that the `Link` of an answer to `path` names as the next page.
pub fn next_link(path: &str, answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    if link.is_empty() {
        return None;
    }
    let reference = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(r#">; rel="next""#)).expect("RFC 8288");
    let base = Url::parse("http://x").and_then(|host| host.join(path)).expect("a URL");
    let next = base.join(reference).expect("a reference");
    Some(format!("{}?{}", next.path(), next.query().expect("a query")))
}

/// The next page of a list: it must be full, and its link must say the same as its cursor.
pub fn next_page(path: &str, answer: &Answer, limit: usize) -> Option<String> {
    let rows = ids(&answer.json).len();
    let cursor = answer.header("x-next-cursor");
    let link = next_link(path, answer);
    if cursor.is_empty() {
        assert_eq!(link, None);
        assert!(rows <= limit);
        return None;
    }
    assert_eq!(rows, limit, "a page that is followed by another is full");
    let link = link.expect("a link beside the cursor");
    let pairs: Vec<_> = link.split_once('?').expect("a query").1.split('&').collect();
    assert!(pairs.contains(&&*format!("cursor={cursor}")), "{link} {cursor}");
    assert_eq!(pairs.iter().filter(|pair| pair.starts_with("cursor=")).count(), 1, "{link}");
    Some(link)
}

/// Every row of a list, page after page.
pub async fn walk(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = Some(with(path, "limit", &limit.to_string()));
    while let Some(page) = next {
        let answer = client.get(&page).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        rows.extend(answer.json.as_array().expect("a list").iter().cloned());
        assert!(rows.len() < 10_000, "the pages never end");
        next = next_page(&page, &answer, limit);
    }
    rows
}

pub fn ids_of(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(crate::world::id).collect()
}
