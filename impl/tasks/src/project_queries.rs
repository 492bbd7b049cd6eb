//! The SQL of projects. The function `project_is_visible` decides who may see one; lists read an index of owners instead.

use contract::StorageQuota;
use platform::identity::Principal;
use platform::page::{self, Key, Kind, Order, Page, fingerprint};
use platform::{Columns, OnConstraint, Result, read, sql, sql_shapes};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::projects::{CREATE_PROJECT, ListProjectsParams};
use tasks_api::models::{Project, ProjectCreate, ProjectDetail, ProjectSort, ProjectUpdate, Task};

use crate::projection::{PROJECT, PROJECT_OF_TASK, TASK};
use crate::task_list;

/// A project is shown with at most this many of its tasks; the list of tasks pages through more.
const MAX_SHOWN_TASKS: usize = 100;

/// How many projects one user may have.
const QUOTA: &StorageQuota = CREATE_PROJECT.quota("too_many_projects");

/// A project the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<ProjectDetail>> {
    // One statement: the project's columns repeat in every row, after those of a task.
    let sql = sql!(
        "SELECT {TASK}, {PROJECT_OF_TASK}
         FROM projects p
         LEFT JOIN LATERAL (SELECT * FROM tasks x WHERE x.project_id = p.id ORDER BY x.id LIMIT $4) t ON TRUE
         LEFT JOIN users u ON u.id = t.assignee_id
         WHERE p.id = $1 AND project_is_visible(p, $2, $3) ORDER BY t.id",
        TASK,
        PROJECT_OF_TASK
    );
    let rows = sqlx::query(sql)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(i64::try_from(MAX_SHOWN_TASKS + 1).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut columns = Columns::of(first);
    let has_tasks = columns.get::<Option<i64>>("id")?.is_some();
    let project = columns.field("project")?;
    let mut tasks = if has_tasks { rows.iter().map(read).collect::<sqlx::Result<Vec<Task>>>()? } else { Vec::new() };
    let more = tasks.len() > MAX_SHOWN_TASKS;
    tasks.truncate(MAX_SHOWN_TASKS);
    let next = tasks.last().filter(|_| more).map(|last| task_list::cursor_after(id, last.id));
    Ok(Some(detail(project, tasks, next)))
}

fn detail(project: Project, tasks: Vec<Task>, tasks_next_cursor: Option<String>) -> ProjectDetail {
    let Project { id, title, description, owner_id, created_at, updated_at } = project;
    ProjectDetail { id, title, description, owner_id, tasks, tasks_next_cursor, created_at, updated_at }
}

/// Locks a project the caller may see until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    let sql = sql!("SELECT FROM projects p WHERE p.id = $1 AND project_is_visible(p, $2, $3) FOR NO KEY UPDATE");
    let row = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Inserts a project of the caller's.
///
/// # Errors
/// 409 `too_many_projects`.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, project: &ProjectCreate) -> Result<Project> {
    let sql = sql!(
        "INSERT INTO projects AS p (title, description, owner_id)
         SELECT new.title, new.description, $2 FROM jsonb_populate_record(NULL::projects, $1) new
         WHERE within_quota('projects', $2, $3) RETURNING {PROJECT}",
        PROJECT
    );
    let row = sqlx::query(sql)
        .bind(Json(project))
        .bind(caller.user_id())
        .bind(QUOTA.amount)
        .fetch_one(db)
        .await
        .on_constraint("projects_quota", || QUOTA.exceeded())?;
    Ok(read(&row)?)
}

/// Changes the fields in the update, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &ProjectUpdate) -> Result<()> {
    let sql = sql!(
        "UPDATE projects p SET (title, description) = (
             SELECT new.title, new.description FROM jsonb_populate_record(p, $2) new)
         WHERE p.id = $1"
    );
    sqlx::query(sql).bind(id).bind(Json(update)).execute(db).await?;
    Ok(())
}

/// Deletes a project that was locked, and its tasks.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<Project> {
    let sql = sql!("DELETE FROM projects p WHERE p.id = $1 RETURNING {PROJECT}", PROJECT);
    Ok(read(&sqlx::query(sql).bind(id).fetch_one(db).await?)?)
}

/// A page of the projects the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &ListProjectsParams,
) -> Result<(Vec<Project>, Option<String>)> {
    let rows = page_sql(viewer(caller), params)?.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut projects = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page(params).cut(&mut projects, |project| (key(sort(params), project), project.id));
    Ok((projects, next))
}

/// The total number of projects in the list.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListProjectsParams) -> Result<i64> {
    let mut sql = count_sql(viewer(caller), params);
    Ok(sql.build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

/// Whose projects are listed: everyone's, or those of one user.
fn viewer(caller: &Principal) -> Option<i64> {
    (!caller.is_superuser()).then(|| caller.user_id())
}

fn sort(params: &ListProjectsParams) -> ProjectSort {
    params.sort.unwrap_or(ProjectSort::Id)
}

fn page(params: &ListProjectsParams) -> Page<'_> {
    Page {
        list: fingerprint(("projects", params.q.as_deref())),
        order: order(sort(params)),
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    }
}

fn page_sql(viewer: Option<i64>, params: &ListProjectsParams) -> Result<QueryBuilder<Postgres>> {
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(PROJECT);
    visible_and_searched(&mut sql, viewer, params);
    page(params).finish(&mut sql, "p.id")?;
    Ok(sql)
}

fn count_sql(viewer: Option<i64>, params: &ListProjectsParams) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT");
        visible_and_searched(sql, viewer, params);
    });
    sql
}

fn visible_and_searched(sql: &mut QueryBuilder<Postgres>, viewer: Option<i64>, params: &ListProjectsParams) {
    sql.push(" FROM projects p WHERE TRUE");
    if let Some(owner) = viewer {
        sql.push(" AND p.owner_id = ").push_bind(owner);
    }
    if let Some(text) = &params.q {
        page::search(sql, "p.search_text", text);
    }
}

sql_shapes!(|| {
    let mut shapes = Vec::new();
    for (viewer, q) in [(None, None), (Some(1), None), (Some(1), Some("text")), (None, Some("Straße"))] {
        for (_, sort) in ProjectSort::ALL {
            let (q, sort) = (q.map(str::to_owned), Some(*sort));
            let params = ListProjectsParams { skip: 1, limit: 1, cursor: None, count: true, q, sort };
            shapes.push(count_sql(viewer, &params).into_string());
            let with = |cursor| page_sql(viewer, &ListProjectsParams { cursor, ..params.clone() });
            shapes.extend(page(&params).shapes(with));
        }
    }
    shapes
});

fn order(sort: ProjectSort) -> Order {
    let (key, kind, descending) = match sort {
        ProjectSort::Id => ("p.id", Kind::Id, false),
        ProjectSort::IdDesc => ("p.id", Kind::Id, true),
        ProjectSort::CreatedAt => ("p.created_at", Kind::Time, false),
        ProjectSort::CreatedAtDesc => ("p.created_at", Kind::Time, true),
        ProjectSort::Title => ("p.title_key", Kind::Text, false),
        ProjectSort::TitleDesc => ("p.title_key", Kind::Text, true),
    };
    Order { name: sort.as_str(), key, kind, descending }
}

fn key(sort: ProjectSort, project: &Project) -> Key {
    match sort {
        ProjectSort::Id | ProjectSort::IdDesc => Key::Id,
        ProjectSort::CreatedAt | ProjectSort::CreatedAtDesc => Key::Time(Some(project.created_at)),
        ProjectSort::Title | ProjectSort::TitleDesc => Key::Text(project.title.clone()),
    }
}
