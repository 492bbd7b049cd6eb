//! Handlers of projects.

use contract::{Problem, if_match};
use platform::Transaction;
use platform::audit::{Action, Entry};
use platform::identity::{Principal, caller_is_gone};
use platform::{OnConstraint, Result};
use tasks_api::apis::projects::{
    CreateProjectResponse, DeleteProjectParams, DeleteProjectResponse, GetProjectParams, GetProjectResponse,
    ListProjectsParams, ListProjectsResponse, PatchProjectParams, PatchProjectResponse, Projects, PutProjectParams,
    PutProjectResponse,
};
use tasks_api::models::{ProjectCreate, ProjectDetail, ProjectUpdate};

use crate::{TasksService, project_queries};

impl Projects for TasksService {
    async fn list_projects(&self, caller: Principal, params: ListProjectsParams) -> Result<ListProjectsResponse> {
        let (body, x_next_cursor) = project_queries::list(self.database.reads(), &caller, &params).await?;
        let x_total_count = match params.count {
            true => Some(project_queries::count(self.database.reads(), &caller, &params).await?),
            false => None,
        };
        Ok(ListProjectsResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_project(&self, caller: Principal, body: ProjectCreate) -> Result<CreateProjectResponse> {
        let body = self
            .database
            .write_once(move |mut tx| async move { project_queries::insert(&mut tx, &caller, &body).await })
            .await
            .on_constraint("projects_owner_id_fkey", caller_is_gone)?;
        Ok(CreateProjectResponse::Created { location: format!("/api/v1/projects/{}", body.id), body })
    }

    async fn get_project(&self, caller: Principal, params: GetProjectParams) -> Result<GetProjectResponse> {
        let project = project_queries::find(self.database.reads(), &caller, params.project_id).await?;
        Ok(GetProjectResponse::Ok(project.ok_or_else(not_found)?))
    }

    async fn put_project(
        &self,
        caller: Principal,
        params: PutProjectParams,
        body: ProjectUpdate,
    ) -> Result<PutProjectResponse> {
        self.change_project(caller, params.project_id, params.if_match, body).await.map(PutProjectResponse::Ok)
    }

    async fn patch_project(
        &self,
        caller: Principal,
        params: PatchProjectParams,
        body: ProjectUpdate,
    ) -> Result<PatchProjectResponse> {
        self.change_project(caller, params.project_id, params.if_match, body).await.map(PatchProjectResponse::Ok)
    }

    async fn delete_project(&self, caller: Principal, params: DeleteProjectParams) -> Result<DeleteProjectResponse> {
        let entry = Entry::of(&caller, Action::ProjectDeleted, params.project_id);
        let (project, written) = self
            .database
            .write(move |mut tx| async move {
                lock(&mut tx, &caller, params.project_id, params.if_match.as_deref()).await?;
                let project = project_queries::delete(&mut tx, params.project_id).await?;
                let written = entry.write_unless_own(project.owner_id, &mut tx).await?;
                Ok((project, written))
            })
            .await?;
        written.tell();
        Ok(DeleteProjectResponse::Ok(project))
    }
}

impl TasksService {
    async fn change_project(
        &self,
        caller: Principal,
        id: i64,
        condition: Option<String>,
        update: ProjectUpdate,
    ) -> Result<ProjectDetail> {
        self.database
            .write(move |mut tx| async move {
                lock(&mut tx, &caller, id, condition.as_deref()).await?;
                project_queries::update(&mut tx, id, &update).await?;
                Ok(project_queries::find(&mut *tx, &caller, id).await?.ok_or_else(not_found)?)
            })
            .await
    }
}

/// Locks a project after checking the version that the caller has seen.
async fn lock(tx: &mut Transaction, caller: &Principal, id: i64, condition: Option<&str>) -> Result<()> {
    if !project_queries::lock(tx, caller, id).await? {
        return Err(not_found().into());
    }
    if condition.is_some() {
        let current = project_queries::find(&mut **tx, caller, id).await?.ok_or_else(not_found)?;
        if_match(condition, &current)?;
    }
    Ok(())
}

/// The error response for a project that is missing or another user's.
pub(crate) fn not_found() -> Problem {
    Problem::not_found("project_not_found", "Project not found.")
}
