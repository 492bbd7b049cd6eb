//! The SQL of projects. A project is visible to its owner and to superusers.

use contract::StorageQuota;
use platform::identity::Principal;
use platform::{OnConstraint, Result};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder, Row};
use tasks_api::apis::projects::{CREATE_PROJECT, ListProjectsParams};
use tasks_api::models::{Project, ProjectCreate, ProjectDetail, ProjectSort, ProjectUpdate, Task};

use crate::projection::{self, project_columns, task_columns};
use crate::task_queries;
use platform::page::{self, Key, Kind, Order, Page, fingerprint};

/// A project is shown with at most this many of its tasks; the list of tasks pages through more.
const SHOWN_TASKS: usize = 100;

/// How many projects one user may have.
const QUOTA: &StorageQuota = CREATE_PROJECT.quota("too_many_projects");

/// Whether the caller ($2, superuser $3) may see a project `p`.
macro_rules! visible {
    () => {
        "($3 OR p.owner_id = $2)"
    };
}

/// A project the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<ProjectDetail>> {
    // One statement: the project's columns repeat in every row, after those of a task.
    const SQL: &str = concat!(
        "SELECT ",
        task_columns!(),
        ", ",
        project_columns!(),
        " FROM projects p LEFT JOIN LATERAL (SELECT * FROM tasks x WHERE x.project_id = p.id ORDER BY x.id LIMIT $4) t ON TRUE \
         LEFT JOIN users u ON u.id = t.assignee_id WHERE p.id = $1 AND ",
        visible!(),
        " ORDER BY t.id"
    );
    let rows = sqlx::query(SQL)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(i64::try_from(SHOWN_TASKS + 1).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let project = projection::project_after_task(first)?;
    let mut tasks = match first.try_get::<Option<i64>, _>(0)? {
        Some(_) => rows.iter().map(projection::task).collect::<sqlx::Result<Vec<_>>>()?,
        None => Vec::new(),
    };
    let more = tasks.len() > SHOWN_TASKS;
    tasks.truncate(SHOWN_TASKS);
    let next = tasks.last().filter(|_| more).map(|last| task_queries::cursor_after(id, last.id));
    Ok(Some(detail(project, tasks, next)))
}

fn detail(project: Project, tasks: Vec<Task>, tasks_next_cursor: Option<String>) -> ProjectDetail {
    let Project { id, title, description, owner_id, created_at, updated_at } = project;
    ProjectDetail { id, title, description, owner_id, tasks, tasks_next_cursor, created_at, updated_at }
}

/// Locks a project the caller may see until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    const SQL: &str = concat!("SELECT FROM projects p WHERE p.id = $1 AND ", visible!(), " FOR NO KEY UPDATE");
    let row = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Starts a project of the caller's.
///
/// # Errors
/// 409 `too_many_projects`.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, project: &ProjectCreate) -> Result<Project> {
    const SQL: &str = concat!(
        "INSERT INTO projects AS p (title, description, owner_id) \
         SELECT $1, $2, $3 WHERE within_quota('projects', $3, $4) RETURNING ",
        project_columns!()
    );
    let row = sqlx::query(SQL)
        .bind(&project.title)
        .bind(project.description.as_ref().and_then(Option::as_ref))
        .bind(caller.user_id())
        .bind(QUOTA.amount)
        .fetch_one(db)
        .await
        .on_constraint("projects_quota", || QUOTA.exceeded())?;
    Ok(projection::project(&row)?)
}

/// Changes what the update names, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &ProjectUpdate) -> Result<()> {
    const SQL: &str = "UPDATE projects SET title = coalesce($2, title), \
                       description = CASE WHEN $3 THEN $4 ELSE description END WHERE id = $1";
    sqlx::query(SQL)
        .bind(id)
        .bind(&update.title)
        .bind(update.description.is_some())
        .bind(update.description.as_ref().and_then(Option::as_ref))
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes a project that was locked, and with it its tasks.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<Project> {
    const SQL: &str = concat!("DELETE FROM projects p WHERE p.id = $1 RETURNING ", project_columns!());
    let row = sqlx::query(SQL).bind(id).fetch_one(db).await?;
    Ok(projection::project(&row)?)
}

/// A page of the projects the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &ListProjectsParams,
) -> Result<(Vec<Project>, Option<String>)> {
    let sort = params.sort.unwrap_or(ProjectSort::Id);
    let page = Page {
        list: fingerprint(("projects", params.q.as_deref())),
        order: order(sort),
        cursor: params.cursor.as_deref(),
        skip: params.skip,
        limit: params.limit,
    };
    let mut sql = QueryBuilder::new(concat!("SELECT ", project_columns!()));
    visible_and_searched(&mut sql, caller, params);
    page.finish(&mut sql, "p.id")?;
    let rows = sql.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut projects = rows.iter().map(projection::project).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut projects, |project| (key(sort, project), project.id));
    Ok((projects, next))
}

/// How many projects the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListProjectsParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &[()], |sql, ()| {
        sql.push("SELECT");
        visible_and_searched(sql, caller, params);
    });
    Ok(sql.build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

fn visible_and_searched(sql: &mut QueryBuilder<Postgres>, caller: &Principal, params: &ListProjectsParams) {
    sql.push(" FROM projects p WHERE TRUE");
    if !caller.is_superuser() {
        sql.push(" AND p.owner_id = ").push_bind(caller.user_id());
    }
    if let Some(text) = &params.q {
        page::search(sql, "p.search_text", text);
    }
}

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
