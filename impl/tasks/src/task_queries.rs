//! The SQL of tasks. The function `task_is_visible` decides who may see one; lists are in [`crate::task_list`].

use contract::StorageQuota;
use platform::identity::Principal;
use platform::{OnConstraint, Result, microseconds, read, sql};
use sqlx::postgres::{PgConnection, PgExecutor};
use sqlx::types::Json;
use tasks_api::apis::tasks::CREATE_TASK;
use tasks_api::models::{Task, TaskCreate, TaskDetail, TaskStatus, TaskStatusInput, TaskUpdate};

use crate::projection::{PROJECT_OF_TASK, TASK};

/// How many tasks the projects of one user may hold, including those added by others.
const QUOTA: &StorageQuota = CREATE_TASK.quota("too_many_tasks");

/// The status that a spelling means.
pub(crate) fn status(input: TaskStatusInput) -> TaskStatus {
    match input {
        TaskStatusInput::ToDo | TaskStatusInput::TodoUpper => TaskStatus::ToDo,
        TaskStatusInput::InProgress | TaskStatusInput::InProgressUpper => TaskStatus::InProgress,
        TaskStatusInput::Done | TaskStatusInput::DoneUpper => TaskStatus::Done,
    }
}

/// The spelling in the database.
fn stored(input: TaskStatusInput) -> TaskStatusInput {
    match status(input) {
        TaskStatus::ToDo => TaskStatusInput::ToDo,
        TaskStatus::InProgress => TaskStatusInput::InProgress,
        TaskStatus::Done => TaskStatusInput::Done,
    }
}

/// A task the caller may see.
pub(crate) async fn find(db: impl PgExecutor<'_>, caller: &Principal, id: i64) -> Result<Option<TaskDetail>> {
    let sql = sql!(
        "SELECT {TASK}, {PROJECT_OF_TASK}
         FROM tasks t JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.id = t.assignee_id
         WHERE t.id = $1 AND task_is_visible(t, $2, $3)",
        TASK,
        PROJECT_OF_TASK
    );
    let row = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Locks a task the caller may see until the transaction ends. The lock is taken before any decision: what is read afterwards
/// cannot change any more.
pub(crate) async fn lock(db: &mut PgConnection, caller: &Principal, id: i64) -> Result<bool> {
    let sql = sql!("SELECT FROM tasks t WHERE t.id = $1 AND task_is_visible(t, $2, $3) FOR NO KEY UPDATE");
    let row = sqlx::query(sql).bind(id).bind(caller.user_id()).bind(caller.is_superuser()).fetch_optional(db).await?;
    Ok(row.is_some())
}

/// Adds a task to a project of the caller's; `None` when there is no such project.
///
/// # Errors
/// 409 `too_many_tasks`.
pub(crate) async fn insert(db: &mut PgConnection, caller: &Principal, mut task: TaskCreate) -> Result<Option<Task>> {
    let sql = sql!(
        "WITH t AS (
             INSERT INTO tasks (project_id, title, description, status, due_date, assignee_id)
             SELECT p.id, new.title, new.description, coalesce(new.status, 'ToDo'), new.due_date, new.assignee_id
             FROM projects p, jsonb_populate_record(NULL::tasks, $4) new
             WHERE p.id = $1 AND CASE WHEN project_is_visible(p, $2, $3) THEN within_quota('tasks', p.owner_id, $5) END
             RETURNING *
         ) SELECT {TASK} FROM t LEFT JOIN users u ON u.id = t.assignee_id",
        TASK
    );
    task.status = task.status.map(stored);
    task.due_date = task.due_date.map(|due| due.map(microseconds));
    let row = sqlx::query(sql)
        .bind(task.project_id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(Json(&task))
        .bind(QUOTA.amount)
        .fetch_optional(db)
        .await
        .on_constraint("tasks_quota", || QUOTA.exceeded())?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Changes the fields in the update, and nothing else.
pub(crate) async fn update(db: &mut PgConnection, id: i64, mut update: TaskUpdate) -> Result<TaskDetail> {
    let sql = sql!(
        "WITH t AS (
             UPDATE tasks t SET (project_id, title, description, status, due_date, assignee_id) = (
                 SELECT new.project_id, new.title, new.description, new.status, new.due_date, new.assignee_id
                 FROM jsonb_populate_record(t, $2) new)
             WHERE t.id = $1 RETURNING *
         ) SELECT {TASK}, {PROJECT_OF_TASK}
         FROM t JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.id = t.assignee_id",
        TASK,
        PROJECT_OF_TASK
    );
    update.status = update.status.map(stored);
    update.due_date = update.due_date.map(|due| due.map(microseconds));
    let row = sqlx::query(sql).bind(id).bind(Json(&update)).fetch_one(db).await?;
    Ok(read(&row)?)
}

/// Sets the status of a task the caller may see.
pub(crate) async fn set_status(
    db: &mut PgConnection,
    caller: &Principal,
    id: i64,
    status: TaskStatus,
) -> Result<Option<TaskDetail>> {
    let sql = sql!(
        "WITH t AS (UPDATE tasks t SET status = $4 WHERE t.id = $1 AND task_is_visible(t, $2, $3) RETURNING *)
         SELECT {TASK}, {PROJECT_OF_TASK}
         FROM t JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.id = t.assignee_id",
        TASK,
        PROJECT_OF_TASK
    );
    let row = sqlx::query(sql)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(status.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Assigns a task of a project of the caller's.
pub(crate) async fn assign(
    db: &mut PgConnection,
    caller: &Principal,
    id: i64,
    assignee: i64,
) -> Result<Option<TaskDetail>> {
    let sql = sql!(
        "WITH t AS (UPDATE tasks t SET assignee_id = $4 WHERE t.id = $1 AND ($3 OR t.owner_id = $2) RETURNING *)
         SELECT {TASK}, {PROJECT_OF_TASK}
         FROM t JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.id = t.assignee_id",
        TASK,
        PROJECT_OF_TASK
    );
    let row = sqlx::query(sql)
        .bind(id)
        .bind(caller.user_id())
        .bind(caller.is_superuser())
        .bind(assignee)
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Deletes a task that was locked.
pub(crate) async fn delete(db: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query(sql!("DELETE FROM tasks WHERE id = $1")).bind(id).execute(db).await?;
    Ok(())
}
