//! Handlers of the caller's sessions.

use contract::Problem;
use platform::Result;
use platform::identity::{self, Principal};
use tasks_api::apis::sessions::{
    EndSessionParams, EndSessionResponse, EndSessionsParams, EndSessionsResponse, ListSessionsResponse, Sessions,
};
use tasks_api::models::Session;

use crate::TasksService;

impl Sessions for TasksService {
    async fn list_sessions(&self, caller: Principal) -> Result<ListSessionsResponse> {
        let sessions = self.access.accounts.sessions(&caller).await?;
        Ok(ListSessionsResponse::Ok(sessions.into_iter().map(|session| shown(session, &caller)).collect()))
    }

    async fn end_sessions(&self, caller: Principal, params: EndSessionsParams) -> Result<EndSessionsResponse> {
        caller.must_have_logged_in()?;
        self.access.accounts.end_sessions(&caller, params.keep_current).await?;
        Ok(EndSessionsResponse::NoContent)
    }

    async fn end_session(&self, caller: Principal, params: EndSessionParams) -> Result<EndSessionResponse> {
        caller.must_have_logged_in()?;
        match self.access.accounts.end_session(&caller, params.session_id).await? {
            true => Ok(EndSessionResponse::NoContent),
            false => Err(Problem::not_found("session_not_found", "Session not found.").into()),
        }
    }
}

fn shown(session: identity::Session, caller: &Principal) -> Session {
    let identity::Session { id, created_at, used_at, expires_at, device, address } = session;
    Session { id, created_at, used_at, expires_at, device, address, is_current: caller.session() == Some(id) }
}
