//! Handlers of tasks.

use contract::{Problem, if_match};
use platform::audit::{Action, Entry};
use platform::identity::Principal;
use platform::{OnConstraint, Result};
use tasks_api::apis::tasks::{
    AssignTaskParams, AssignTaskResponse, CreateTaskResponse, DeleteTaskParams, DeleteTaskResponse, GetTaskParams,
    GetTaskResponse, ListTasksParams, ListTasksResponse, PatchTaskParams, PatchTaskResponse, PutTaskParams,
    PutTaskResponse, SetTaskStatusParams, SetTaskStatusResponse, Tasks,
};
use tasks_api::models::{DeletedStatus, DeletedWord, TaskCreate, TaskDetail, TaskUpdate};

use crate::projects::not_found as project_not_found;
use crate::{TasksService, project_queries, task_list, task_queries};

impl Tasks for TasksService {
    async fn list_tasks(&self, caller: Principal, params: ListTasksParams) -> Result<ListTasksResponse> {
        let (body, x_next_cursor) = task_list::list(self.database.reads(), &caller, &params).await?;
        let x_total_count = match params.count {
            true => Some(task_list::count(self.database.reads(), &caller, &params).await?),
            false => None,
        };
        Ok(ListTasksResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_task(&self, caller: Principal, body: TaskCreate) -> Result<CreateTaskResponse> {
        let created = self
            .database
            .write_once(move |mut tx| async move { task_queries::insert(&mut tx, &caller, body).await })
            .await;
        let body = references_exist(created)?.ok_or_else(project_not_found)?;
        Ok(CreateTaskResponse::Created { location: format!("/api/v1/tasks/{}", body.id), body })
    }

    async fn get_task(&self, caller: Principal, params: GetTaskParams) -> Result<GetTaskResponse> {
        let task = task_queries::find(self.database.reads(), &caller, params.task_id).await?;
        Ok(GetTaskResponse::Ok(task.ok_or_else(task_not_found)?))
    }

    async fn put_task(&self, caller: Principal, params: PutTaskParams, body: TaskUpdate) -> Result<PutTaskResponse> {
        self.change_task(caller, params.task_id, params.if_match, body).await.map(PutTaskResponse::Ok)
    }

    async fn patch_task(
        &self,
        caller: Principal,
        params: PatchTaskParams,
        body: TaskUpdate,
    ) -> Result<PatchTaskResponse> {
        self.change_task(caller, params.task_id, params.if_match, body).await.map(PatchTaskResponse::Ok)
    }

    async fn delete_task(&self, caller: Principal, params: DeleteTaskParams) -> Result<DeleteTaskResponse> {
        let entry = Entry::of(&caller, Action::TaskDeleted, params.task_id);
        self.database
            .write(move |mut tx| async move {
                let current = locked(&mut tx, &caller, params.task_id).await?;
                if_match(params.if_match.as_deref(), &current)?;
                owner_only(&caller, &current)?;
                task_queries::delete(&mut tx, params.task_id).await?;
                entry.write_unless_own(current.project.owner_id, &mut tx).await
            })
            .await?
            .tell();
        Ok(DeleteTaskResponse::Ok(DeletedStatus { status: DeletedWord::Deleted }))
    }

    async fn set_task_status(&self, caller: Principal, params: SetTaskStatusParams) -> Result<SetTaskStatusResponse> {
        let status = task_queries::status(params.status);
        let task = self
            .database
            .write_once(move |mut tx| async move {
                task_queries::set_status(&mut tx, &caller, params.task_id, status).await
            })
            .await?;
        Ok(SetTaskStatusResponse::Ok(task.ok_or_else(task_not_found)?))
    }

    async fn assign_task(&self, caller: Principal, params: AssignTaskParams) -> Result<AssignTaskResponse> {
        let AssignTaskParams { task_id, user_id } = params;
        let assigned = self
            .database
            .write_once(move |mut tx| async move { task_queries::assign(&mut tx, &caller, task_id, user_id).await })
            .await;
        match references_exist(assigned)? {
            Some(task) => Ok(AssignTaskResponse::Ok(task)),
            // An assignee sees the task, other users do not.
            None => match task_queries::find(self.database.reads(), &caller, task_id).await? {
                Some(task) => Err(owner_only(&caller, &task).err().unwrap_or_else(task_not_found).into()),
                None => Err(task_not_found().into()),
            },
        }
    }
}

impl TasksService {
    async fn change_task(
        &self,
        caller: Principal,
        id: i64,
        condition: Option<String>,
        update: TaskUpdate,
    ) -> Result<TaskDetail> {
        let changed = self
            .database
            .write(move |mut tx| async move {
                let current = locked(&mut tx, &caller, id).await?;
                if_match(condition.as_deref(), &current)?;
                let moved = update.project_id.filter(|project| *project != current.project_id);
                if moved.is_some() || reassigns(&caller, &current, &update) {
                    owner_only(&caller, &current)?;
                }
                if let Some(project) = moved {
                    project_queries::lock(&mut tx, &caller, project)
                        .await?
                        .then_some(())
                        .ok_or_else(project_not_found)?;
                }
                task_queries::update(&mut tx, id, update).await
            })
            .await;
        references_exist(changed)
    }
}

async fn locked(tx: &mut platform::Transaction, caller: &Principal, id: i64) -> Result<TaskDetail> {
    if !task_queries::lock(tx, caller, id).await? {
        return Err(task_not_found().into());
    }
    Ok(task_queries::find(&mut **tx, caller, id).await?.ok_or_else(task_not_found)?)
}

/// Whether an update assigns the task to another user, which is more than declining it.
fn reassigns(caller: &Principal, task: &TaskDetail, update: &TaskUpdate) -> bool {
    let declines = update.assignee_id == Some(None) && task.assignee_id == Some(caller.user_id());
    !declines && update.assignee_id.is_some_and(|assignee| assignee != task.assignee_id)
}

/// The assignee may change a task or decline it, not reassign it.
fn owner_only(caller: &Principal, task: &TaskDetail) -> Result<(), Problem> {
    if caller.is_superuser() || task.project.owner_id == caller.user_id() {
        return Ok(());
    }
    Err(Problem::forbidden("owner_only", "This operation requires the owner of the project."))
}

fn references_exist<T>(result: Result<T>) -> Result<T> {
    result
        .on_constraint("tasks_assignee_id_fkey", || Problem::not_found("user_not_found", "User not found."))
        .on_constraint("tasks_project_id_fkey", project_not_found)
}

fn task_not_found() -> Problem {
    Problem::not_found("task_not_found", "Task not found.")
}
