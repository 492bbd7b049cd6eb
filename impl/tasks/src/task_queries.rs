//! The SQL of tasks. A task is visible to its project's owner, to its assignee and to superusers.

use contract::StorageQuota;
use platform::identity::Principal;
use platform::{OnConstraint, Result};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::tasks::{CREATE_TASK, ListTasksParams};
use tasks_api::models::{Task, TaskCreate, TaskDetail, TaskSort, TaskStatus, TaskStatusInput, TaskUpdate};

use crate::projection::{self, task_columns, task_detail};
use platform::page::{self, Key, Kind, Order, Page, fingerprint};

/// Whether the caller ($2, superuser $3) may see a task `t`. What decides is in its row: whatever the caller has besides, this costs
/// nothing.
macro_rules! visible {
    () => {
        "($3 OR t.assignee_id = $2 OR t.owner_id = $2)"
    };
}

/// Whether the caller ($2, superuser $3) may do everything with a task `t`.
macro_rules! owned {
    () => {
        "($3 OR t.owner_id = $2)"
    };
}

/// How many tasks the projects of one user may hold, whoever adds them.
const QUOTA: &StorageQuota = CREATE_TASK.quota("too_many_tasks");

/// The columns of a task `t` that a list shows or is sorted by.
const LISTED: &str = "t.id, t.title, t.description, t.status, t.due_date, t.project_id, t.assignee_id, t.created_at, t.updated_at, t.title_key";

/// The status a spelling stands for.
pub(crate) fn status(input: TaskStatusInput) -> TaskStatus {
    match input {
        TaskStatusInput::ToDo | TaskStatusInput::TodoUpper => TaskStatus::ToDo,
        TaskStatusInput::InProgress | TaskStatusInput::InProgressUpper => TaskStatus::InProgress,
        TaskStatusInput::Done | TaskStatusInput::DoneUpper => TaskStatus::Done,
    }
}

/// A task the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<TaskDetail>> {
    const SQL: &str = concat!(task_detail!("tasks t"), " WHERE t.id = $1 AND ", visible!());
    let row = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(projection::detail).transpose()?)
}

/// Locks a task the caller may see until the transaction ends. The lock is taken before anything is decided: what is
/// read afterwards cannot change any more.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    const SQL: &str = concat!("SELECT FROM tasks t WHERE t.id = $1 AND ", visible!(), " FOR NO KEY UPDATE");
    let row = sqlx::query(SQL).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Adds a task to a project of the caller's; nothing when there is no such project.
///
/// # Errors
/// 409 `too_many_tasks`.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, task: &TaskCreate) -> Result<Option<Task>> {
    const SQL: &str = concat!(
        "WITH t AS (INSERT INTO tasks (project_id, title, description, status, due_date, assignee_id) \
         SELECT p.id, $4, $5, $6, $7, $8 FROM projects p WHERE p.id = $1 \
         AND CASE WHEN $3 OR p.owner_id = $2 THEN within_quota('tasks', p.owner_id, $9) END RETURNING *) SELECT ",
        task_columns!(),
        " FROM t LEFT JOIN users u ON u.id = t.assignee_id"
    );
    let row = sqlx::query(SQL)
        .bind(task.project_id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(&task.title)
        .bind(task.description.as_ref().and_then(Option::as_ref))
        .bind(task.status.map_or(TaskStatus::ToDo, status).as_str())
        .bind(task.due_date.flatten())
        .bind(task.assignee_id.flatten())
        .bind(QUOTA.amount)
        .fetch_optional(db)
        .await
        .on_constraint("tasks_quota", || QUOTA.exceeded())?;
    Ok(row.as_ref().map(projection::task).transpose()?)
}

/// Changes what the update names, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, update: &TaskUpdate) -> Result<TaskDetail> {
    const SQL: &str = concat!(
        "WITH t AS (UPDATE tasks SET title = coalesce($2, title), \
         description = CASE WHEN $3 THEN $4 ELSE description END, status = coalesce($5, status), \
         due_date = CASE WHEN $6 THEN $7 ELSE due_date END, \
         assignee_id = CASE WHEN $8 THEN $9 ELSE assignee_id END, \
         project_id = coalesce($10, project_id) WHERE id = $1 RETURNING *) ",
        task_detail!("t")
    );
    let row = sqlx::query(SQL)
        .bind(id)
        .bind(&update.title)
        .bind(update.description.is_some())
        .bind(update.description.as_ref().and_then(Option::as_ref))
        .bind(update.status.map(|input| status(input).as_str()))
        .bind(update.due_date.is_some())
        .bind(update.due_date.flatten())
        .bind(update.assignee_id.is_some())
        .bind(update.assignee_id.flatten())
        .bind(update.project_id)
        .fetch_one(db)
        .await?;
    Ok(projection::detail(&row)?)
}

/// Sets the status of a task the caller may see.
pub(crate) async fn set_status(
    db: &mut PgConnection,
    caller: &Principal,
    id: i64,
    status: TaskStatus,
) -> Result<Option<TaskDetail>> {
    const SQL: &str = concat!(
        "WITH t AS (UPDATE tasks t SET status = $4 WHERE t.id = $1 AND ",
        visible!(),
        " RETURNING *) ",
        task_detail!("t")
    );
    let row = sqlx::query(SQL)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(status.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(projection::detail).transpose()?)
}

/// Assigns a task of a project of the caller's.
pub(crate) async fn assign(
    db: &mut PgConnection,
    caller: &Principal,
    id: i64,
    assignee: i64,
) -> Result<Option<TaskDetail>> {
    const SQL: &str = concat!(
        "WITH t AS (UPDATE tasks t SET assignee_id = $4 WHERE t.id = $1 AND ",
        owned!(),
        " RETURNING *) ",
        task_detail!("t")
    );
    let row = sqlx::query(SQL)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(assignee)
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(projection::detail).transpose()?)
}

/// Deletes a task that was locked.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query("DELETE FROM tasks WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

/// A page of the tasks the caller may see, and the cursor of the next one.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    caller: &Principal,
    params: &ListTasksParams,
) -> Result<(Vec<Task>, Option<String>)> {
    let sort = params.sort.unwrap_or(TaskSort::Id);
    let page = page(params);
    let mut sql = QueryBuilder::new(concat!("SELECT ", task_columns!(), " FROM "));
    page.select(&mut sql, "t", "t.id", &parts(caller, params), |sql, part| {
        sql.push("SELECT ").push(LISTED);
        within(sql, caller, *part, params);
    })?;
    sql.push(" LEFT JOIN users u ON u.id = t.assignee_id");
    page.sort(&mut sql, "t.id");
    let rows = sql.build().persistent(params.q.is_none()).fetch_all(db).await?;
    let mut tasks = rows.iter().map(projection::task).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut tasks, |task| (key(sort, task), task.id));
    Ok((tasks, next))
}

/// How many tasks the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListTasksParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("");
    page::count(&mut sql, &parts(caller, params), |sql, part| {
        sql.push("SELECT");
        within(sql, caller, *part, params);
    });
    Ok(sql.build_query_scalar().persistent(params.q.is_none()).fetch_one(db).await?)
}

/// The cursor with which the list of a project's tasks goes on after one of them.
pub(crate) fn cursor_after(project: i64, task: i64) -> String {
    let params = ListTasksParams {
        skip: 0,
        limit: 1,
        cursor: None,
        count: false,
        q: None,
        sort: None,
        status: None,
        project_id: Some(project),
        assignee_id: None,
        due_after: None,
        due_before: None,
    };
    page(&params).cursor_after(Key::Id, task)
}

fn page(params: &ListTasksParams) -> Page<'_> {
    let ListTasksParams { project_id, assignee_id, due_after, due_before, skip, limit, .. } = *params;
    let filters = (statuses(params), project_id, assignee_id, due_after, due_before, params.q.as_deref());
    Page {
        list: fingerprint(("tasks", filters)),
        order: order(params.sort.unwrap_or(TaskSort::Id)),
        cursor: params.cursor.as_deref(),
        skip,
        limit,
    }
}

/// Parts of what the caller may see, none of them twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What there is, for superusers.
    All,
    /// What the caller owns.
    Owned,
    /// What others have assigned to the caller.
    Assigned,
    /// What is assigned to the caller, by whomever.
    Mine,
}

/// The parts that can hold what is asked for.
fn parts(caller: &Principal, params: &ListTasksParams) -> Vec<Part> {
    match params.assignee_id {
        _ if caller.is_superuser() => vec![Part::All],
        None => vec![Part::Owned, Part::Assigned],
        Some(assignee) if assignee == caller.user_id() => vec![Part::Mine],
        Some(_) => vec![Part::Owned],
    }
}

/// Appends where the tasks of a part are.
fn within(sql: &mut QueryBuilder<Postgres>, caller: &Principal, part: Part, params: &ListTasksParams) {
    let me = caller.user_id();
    match (part, params.project_id) {
        (Part::All, project) => in_project(sql.push(" FROM tasks t WHERE TRUE"), project),
        (Part::Owned, None) => sql.push(" FROM tasks t WHERE t.owner_id = ").push_bind(me),
        // Of another's project nothing is read: whose it is is asked once, not of each task.
        (Part::Owned, Some(project)) => {
            sql.push(" FROM tasks t WHERE EXISTS (SELECT FROM projects o WHERE o.id = ").push_bind(project);
            in_project(sql.push(" AND o.owner_id = ").push_bind(me).push(")"), params.project_id)
        }
        (Part::Assigned, None) => {
            sql.push(" FROM tasks t WHERE t.assignee_id = ").push_bind(me).push(" AND t.owner_id <> ").push_bind(me)
        }
        (Part::Mine, None) => sql.push(" FROM tasks t WHERE t.assignee_id = ").push_bind(me),
        // What is assigned to the caller within one project is looked up as that, whatever the order: OFFSET keeps the planner from
        // walking through a whole project instead, which it believes to be small.
        (Part::Assigned | Part::Mine, project) => {
            in_project(sql.push(" FROM (SELECT * FROM tasks t WHERE t.assignee_id = ").push_bind(me), project);
            if part == Part::Assigned {
                sql.push(" AND t.owner_id <> ").push_bind(me);
                sql.push(" AND NOT EXISTS (SELECT FROM projects o WHERE o.id = ").push_bind(project);
                sql.push(" AND o.owner_id = ").push_bind(me).push(")");
            }
            sql.push(" OFFSET 0) t WHERE TRUE")
        }
    };
    filter(sql, params);
}

fn in_project(sql: &mut QueryBuilder<Postgres>, project: Option<i64>) -> &mut QueryBuilder<Postgres> {
    match project {
        Some(project) => sql.push(" AND t.project_id = ").push_bind(project),
        None => sql,
    }
}

fn filter(sql: &mut QueryBuilder<Postgres>, params: &ListTasksParams) {
    if let Some(statuses) = statuses(params) {
        sql.push(" AND t.status = ANY(").push_bind(statuses).push(")");
    }
    if let Some(assignee) = params.assignee_id {
        sql.push(" AND t.assignee_id = ").push_bind(assignee);
    }
    if let Some(after) = params.due_after {
        sql.push(" AND t.due_date >= ").push_bind(after);
    }
    if let Some(before) = params.due_before {
        sql.push(" AND t.due_date < ").push_bind(before);
    }
    if let Some(text) = &params.q {
        page::search(sql, "t.search_text", text);
    }
}

/// The states asked for, each once, in one order and spelling.
fn statuses(params: &ListTasksParams) -> Option<Vec<&'static str>> {
    let inputs = params.status.as_ref()?;
    let mut statuses: Vec<_> = inputs.iter().map(|input| status(*input).as_str()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    Some(statuses)
}

fn order(sort: TaskSort) -> Order {
    let (key, kind, descending) = match sort {
        TaskSort::Id => ("t.id", Kind::Id, false),
        TaskSort::IdDesc => ("t.id", Kind::Id, true),
        TaskSort::CreatedAt => ("t.created_at", Kind::Time, false),
        TaskSort::CreatedAtDesc => ("t.created_at", Kind::Time, true),
        TaskSort::UpdatedAt => ("coalesce(t.updated_at, t.created_at)", Kind::Time, false),
        TaskSort::UpdatedAtDesc => ("coalesce(t.updated_at, t.created_at)", Kind::Time, true),
        TaskSort::DueDate => ("t.due_date", Kind::OptionalTime, false),
        TaskSort::DueDateDesc => ("t.due_date", Kind::OptionalTime, true),
        TaskSort::Title => ("t.title_key", Kind::Text, false),
        TaskSort::TitleDesc => ("t.title_key", Kind::Text, true),
    };
    Order { name: sort.as_str(), key, kind, descending }
}

fn key(sort: TaskSort, task: &Task) -> Key {
    match sort {
        TaskSort::Id | TaskSort::IdDesc => Key::Id,
        TaskSort::CreatedAt | TaskSort::CreatedAtDesc => Key::Time(Some(task.created_at)),
        TaskSort::UpdatedAt | TaskSort::UpdatedAtDesc => Key::Time(Some(task.updated_at)),
        TaskSort::DueDate | TaskSort::DueDateDesc => Key::Time(task.due_date),
        TaskSort::Title | TaskSort::TitleDesc => Key::Text(task.title.clone()),
    }
}
