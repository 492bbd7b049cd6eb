//! Handlers of @many@.

use contract::{Problem, if_match};
use @crate@_api::apis::@many@::{
    Create@One@Response, Delete@One@Params, Delete@One@Response, Get@One@Params, Get@One@Response, List@Many@Params,
    List@Many@Response, @Many@, Patch@One@Params, Patch@One@Response,
};
use @crate@_api::models::{@One@Create, @One@Update};
use platform::identity::{Principal, caller_is_gone};
use platform::{OnConstraint, Result};

use crate::{@Service@Service, queries};

impl @Many@ for @Service@Service {
    async fn list_@many@(&self, caller: Principal, params: List@Many@Params) -> Result<List@Many@Response> {
        let (body, x_next_cursor) = queries::list(self.database.reads(), &caller, &params).await?;
        Ok(List@Many@Response::Ok { body, x_next_cursor })
    }

    async fn create_@one@(&self, caller: Principal, body: @One@Create) -> Result<Create@One@Response> {
        let body = self
            .database
            .write_once(move |mut tx| async move { queries::insert(&mut tx, &caller, &body).await })
            .await
            .on_constraint("@table@_owner_id_fkey", caller_is_gone)?;
        Ok(Create@One@Response::Created { location: format!("/api/@service@/@many@/{}", body.id), body })
    }

    async fn get_@one@(&self, caller: Principal, params: Get@One@Params) -> Result<Get@One@Response> {
        let found = queries::find(self.database.reads(), &caller, params.@one@_id).await?;
        Ok(Get@One@Response::Ok(found.ok_or_else(not_found)?))
    }

    async fn patch_@one@(&self, caller: Principal, params: Patch@One@Params, body: @One@Update) -> Result<Patch@One@Response> {
        let changed = self
            .database
            .write(move |mut tx| async move {
                let current = queries::lock(&mut tx, &caller, params.@one@_id).await?.ok_or_else(not_found)?;
                if_match(params.if_match.as_deref(), &current)?;
                queries::update(&mut tx, current.id, &body).await
            })
            .await?;
        Ok(Patch@One@Response::Ok(changed))
    }

    async fn delete_@one@(&self, caller: Principal, params: Delete@One@Params) -> Result<Delete@One@Response> {
        let deleted = self
            .database
            .write(move |mut tx| async move { queries::delete(&mut tx, &caller, params.@one@_id).await })
            .await?;
        if deleted { Ok(Delete@One@Response::NoContent) } else { Err(not_found().into()) }
    }
}

fn not_found() -> Problem {
    Problem::not_found("not_found", "Resource not found.")
}
