//! What a document requires before an operation is called.

use std::time::Duration;

use contract::{Once, Problem};
use kitchen_sink_api::apis::policies;
use kitchen_sink_api::models;

use super::{Sink, Who};

impl policies::Policies for Sink {
    async fn ask_deadline(
        &self,
        params: policies::AskDeadlineParams,
    ) -> Result<policies::AskDeadlineResponse, Problem> {
        tokio::time::sleep(Duration::from_millis(params.ms.unsigned_abs())).await;
        Ok(policies::AskDeadlineResponse::NoContent)
    }

    async fn ask_guarded_body(&self, _: Who, body: models::Thing) -> Result<policies::AskGuardedBodyResponse, Problem> {
        Ok(policies::AskGuardedBodyResponse::Ok(body))
    }

    async fn ask_idempotent(
        &self,
        caller: Who,
        params: policies::AskIdempotentParams,
        body: models::Thing,
    ) -> Result<Once<policies::AskIdempotentResponse>, Problem> {
        self.once(&caller, params.idempotency_key, |count| match body.name.as_str() {
            "taken" => Err(Problem::conflict("duplicate_name", "There is one of that name.")),
            _ => Ok(policies::AskIdempotentResponse::Created { body, location: format!("/sink/things/{count}") }),
        })
    }

    async fn ask_idempotent_change(
        &self,
        caller: Who,
        params: policies::AskIdempotentChangeParams,
    ) -> Result<Once<policies::AskIdempotentChangeResponse>, Problem> {
        self.once(&caller, params.idempotency_key, |_| match params.thing_id {
            404 => Err(Problem::not_found("thing_not_found", "There is no such thing.")),
            _ => Ok(policies::AskIdempotentChangeResponse::NoContent),
        })
    }

    async fn ask_optional(&self, caller: Option<Who>) -> Result<policies::AskOptionalResponse, Problem> {
        Ok(policies::AskOptionalResponse::Ok(models::Asker { user_id: caller.map(|who| who.id) }))
    }

    async fn ask_public(&self) -> Result<policies::AskPublicResponse, Problem> {
        Ok(policies::AskPublicResponse::Ok(models::Asker { user_id: None }))
    }

    async fn ask_rate(&self, _: Who) -> Result<policies::AskRateResponse, Problem> {
        Ok(policies::AskRateResponse::NoContent)
    }

    async fn ask_rate_body(&self, _: models::Thing) -> Result<policies::AskRateBodyResponse, Problem> {
        Ok(policies::AskRateBodyResponse::NoContent)
    }

    async fn ask_small_body(&self, body: models::Open) -> Result<policies::AskSmallBodyResponse, Problem> {
        Ok(policies::AskSmallBodyResponse::Ok(body))
    }

    async fn ask_superuser(&self, caller: Who) -> Result<policies::AskSuperuserResponse, Problem> {
        Ok(policies::AskSuperuserResponse::Ok(models::Asker { user_id: Some(caller.id) }))
    }

    async fn ask_user(&self, caller: Who) -> Result<policies::AskUserResponse, Problem> {
        Ok(policies::AskUserResponse::Ok(models::Asker { user_id: Some(caller.id) }))
    }
}
