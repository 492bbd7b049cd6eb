//! The SQL of tasks. A task is visible to its project's owner, to its assignee and to superusers.

use platform::Result;
use platform::identity::Principal;
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::{Postgres, QueryBuilder};
use tasks_api::apis::tasks::ListTasksParams;
use tasks_api::models::{Task, TaskCreate, TaskDetail, TaskSort, TaskStatus, TaskStatusInput, TaskUpdate};

use crate::projection::{self, task_columns, task_detail};
use platform::page::{Key, Kind, Order, Page, containing, fingerprint, searched};

/// Whether the caller ($2, superuser $3) may see a task `t`.
macro_rules! visible {
    () => {
        "($3 OR t.assignee_id = $2 OR EXISTS (SELECT FROM projects o WHERE o.id = t.project_id AND o.owner_id = $2))"
    };
}

/// Whether the caller ($2, superuser $3) may do everything with a task `t`.
macro_rules! owned {
    () => {
        "($3 OR EXISTS (SELECT FROM projects o WHERE o.id = t.project_id AND o.owner_id = $2))"
    };
}

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
    const SQL: &str =
        concat!("WITH t AS (SELECT * FROM tasks t WHERE t.id = $1 AND ", visible!(), ") ", task_detail!());
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
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, task: &TaskCreate) -> Result<Option<Task>> {
    const SQL: &str = concat!(
        "WITH t AS (INSERT INTO tasks (project_id, title, description, status, due_date, assignee_id) \
         SELECT p.id, $4, $5, $6, $7, $8 FROM projects p WHERE p.id = $1 AND ($3 OR p.owner_id = $2) RETURNING *) SELECT ",
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
        .fetch_optional(db)
        .await?;
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
        task_detail!()
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
        task_detail!()
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
        task_detail!()
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
    const SQL: &str =
        concat!("SELECT ", task_columns!(), " FROM tasks t LEFT JOIN users u ON u.id = t.assignee_id WHERE TRUE");
    let sort = params.sort.unwrap_or(TaskSort::Id);
    let ListTasksParams { project_id, assignee_id, due_after, due_before, skip, limit, .. } = *params;
    let page = Page {
        list: fingerprint((
            "tasks",
            statuses(params),
            project_id,
            assignee_id,
            due_after,
            due_before,
            searched(params.q.as_deref()),
        )),
        order: order(sort),
        cursor: params.cursor.as_deref(),
        skip,
        limit,
    };
    let mut sql = QueryBuilder::new(SQL);
    filter(&mut sql, caller, params);
    page.finish(&mut sql, "t.id")?;
    let rows = sql.build().fetch_all(db).await?;
    let mut tasks = rows.iter().map(projection::task).collect::<sqlx::Result<Vec<_>>>()?;
    let next = page.cut(&mut tasks, |task| (key(sort, task), task.id));
    Ok((tasks, next))
}

/// How many tasks the whole list has.
pub(crate) async fn count(db: impl PgExecutor<'_>, caller: &Principal, params: &ListTasksParams) -> Result<i64> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM tasks t WHERE TRUE");
    filter(&mut sql, caller, params);
    Ok(sql.build_query_scalar().fetch_one(db).await?)
}

fn filter(sql: &mut QueryBuilder<Postgres>, caller: &Principal, params: &ListTasksParams) {
    let me = caller.user_id();
    if let Some(project) = params.project_id {
        sql.push(" AND t.project_id = ").push_bind(project);
    }
    if !caller.is_superuser() {
        if params.project_id.is_some() {
            // One project: its index gives the order, and whose it is is asked once a row.
            sql.push(" AND (t.assignee_id = ").push_bind(me);
            sql.push(" OR EXISTS (SELECT FROM projects o WHERE o.id = t.project_id AND o.owner_id = ");
            sql.push_bind(me).push("))");
        } else {
            // Two indexes, then the union: an OR over both would walk the whole table.
            sql.push(
                " AND t.id IN (SELECT v.id FROM projects o JOIN tasks v ON v.project_id = o.id WHERE o.owner_id = ",
            );
            sql.push_bind(me).push(" UNION SELECT v.id FROM tasks v WHERE v.assignee_id = ").push_bind(me).push(")");
        }
    }
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
    if let Some(text) = searched(params.q.as_deref()) {
        sql.push(" AND (t.title ILIKE ").push_bind(containing(text));
        sql.push(" OR t.description ILIKE ").push_bind(containing(text)).push(")");
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
        TaskSort::DueDate => ("t.due_date", Kind::Time, false),
        TaskSort::DueDateDesc => ("t.due_date", Kind::Time, true),
        TaskSort::Title => ("t.title", Kind::Text, false),
        TaskSort::TitleDesc => ("t.title", Kind::Text, true),
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
