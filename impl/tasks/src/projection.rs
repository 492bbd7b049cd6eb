//! How a row becomes a resource, once for each resource.
//!
//! Columns are read by position: the lists of columns and the functions that read them stand together here.

use platform::Columns;
use sqlx::Result;
use sqlx::postgres::PgRow;
use tasks_api::models::{Project, PublicUser, Task, TaskDetail, TaskStatus, User};

/// Columns of a user `u`.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.full_name, u.is_active, u.is_superuser, u.created_at, coalesce(u.updated_at, u.created_at)"
    };
}

/// Columns of a user `u` as everybody may see them.
macro_rules! public_user_columns {
    () => {
        "u.id, u.full_name"
    };
}

/// Columns of a project `p`.
macro_rules! project_columns {
    () => {
        "p.id, p.title, p.description, p.owner_id, p.created_at, coalesce(p.updated_at, p.created_at)"
    };
}

/// Columns of a task `t` and its assignee, a user `u`.
macro_rules! task_columns {
    () => {
        concat!(
            "t.id, t.title, t.description, t.status, t.due_date, t.project_id, t.assignee_id, t.created_at, \
             coalesce(t.updated_at, t.created_at), ",
            $crate::projection::public_user_columns!()
        )
    };
}

/// A task `t`, its assignee `u` and its project `p`, from the WITH query `t` or, as `tasks t`, from the table.
macro_rules! task_detail {
    ($from:literal) => {
        concat!(
            "SELECT ",
            $crate::projection::task_columns!(),
            ", ",
            $crate::projection::project_columns!(),
            " FROM ",
            $from,
            " JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.id = t.assignee_id"
        )
    };
}

pub(crate) use {project_columns, public_user_columns, task_columns, task_detail, user_columns};

/// How many columns a task's assignee and a task (with its assignee) have.
const PUBLIC_USER_COLUMNS: usize = 2;
const TASK_COLUMNS: usize = 9 + PUBLIC_USER_COLUMNS;

/// The resources that several rows have in common.
trait Resources {
    fn user(&mut self) -> Result<User>;
    /// A user of an outer join, as others see them.
    fn public_user(&mut self) -> Result<Option<PublicUser>>;
    fn project(&mut self) -> Result<Project>;
    fn task(&mut self) -> Result<Task>;
}

impl Resources for Columns<'_> {
    fn user(&mut self) -> Result<User> {
        Ok(User {
            id: self.take()?,
            email: self.take()?,
            full_name: self.take()?,
            is_active: self.take()?,
            is_superuser: self.take()?,
            created_at: self.take()?,
            updated_at: self.take()?,
        })
    }

    fn public_user(&mut self) -> Result<Option<PublicUser>> {
        if self.skip_if_null(PUBLIC_USER_COLUMNS)? {
            return Ok(None);
        }
        Ok(Some(PublicUser { id: self.take()?, full_name: self.take()? }))
    }

    fn project(&mut self) -> Result<Project> {
        Ok(Project {
            id: self.take()?,
            title: self.take()?,
            description: self.take()?,
            owner_id: self.take()?,
            created_at: self.take()?,
            updated_at: self.take()?,
        })
    }

    fn task(&mut self) -> Result<Task> {
        Ok(Task {
            id: self.take()?,
            title: self.take()?,
            description: self.take()?,
            status: status(self.take()?)?,
            due_date: self.take()?,
            project_id: self.take()?,
            assignee_id: self.take()?,
            created_at: self.take()?,
            updated_at: self.take()?,
            assignee: self.public_user()?,
        })
    }
}

/// A row of `user_columns!`.
pub(crate) fn user(row: &PgRow) -> Result<User> {
    Columns::of(row).user()
}

/// A row of `project_columns!`.
pub(crate) fn project(row: &PgRow) -> Result<Project> {
    Columns::of(row).project()
}

/// A row of `task_columns!`.
pub(crate) fn task(row: &PgRow) -> Result<Task> {
    Columns::of(row).task()
}

/// The project of a row of `task_columns!` and `project_columns!`, whether or not there is a task.
pub(crate) fn project_after_task(row: &PgRow) -> Result<Project> {
    Columns::after(row, TASK_COLUMNS).project()
}

/// A row of `task_columns!` and `project_columns!`.
pub(crate) fn detail(row: &PgRow) -> Result<TaskDetail> {
    let mut columns = Columns::of(row);
    let task = columns.task()?;
    Ok(TaskDetail {
        id: task.id,
        title: task.title,
        description: task.description,
        status: task.status,
        due_date: task.due_date,
        project_id: task.project_id,
        project: columns.project()?,
        assignee_id: task.assignee_id,
        assignee: task.assignee,
        created_at: task.created_at,
        updated_at: task.updated_at,
    })
}

fn status(name: &str) -> Result<TaskStatus> {
    TaskStatus::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, status)| *status)
        .ok_or_else(|| sqlx::Error::Decode("a task has a status the document does not know".into()))
}
