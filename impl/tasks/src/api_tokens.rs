//! Handlers of the caller's API tokens.

use contract::{Caller as _, Problem, StorageQuota};
use platform::Result;
use platform::identity::{self, Principal};
use tasks_api::apis::api_tokens::{
    ApiTokens, CREATE_API_TOKEN, CreateApiTokenResponse, GetApiTokenParams, GetApiTokenResponse, ListApiTokensResponse,
    RevokeApiTokenParams, RevokeApiTokenResponse,
};
use tasks_api::models::{ApiToken, ApiTokenCreate, NewApiToken, Scope};

use crate::TasksService;

const QUOTA: &StorageQuota = CREATE_API_TOKEN.quota("too_many_api_tokens");

impl ApiTokens for TasksService {
    async fn list_api_tokens(&self, caller: Principal) -> Result<ListApiTokensResponse> {
        let tokens = self.access.accounts.api_tokens(&caller).await?;
        Ok(ListApiTokensResponse::Ok(tokens.into_iter().map(shown).collect()))
    }

    async fn get_api_token(&self, caller: Principal, params: GetApiTokenParams) -> Result<GetApiTokenResponse> {
        let token = self.access.accounts.api_token(&caller, params.api_token_id).await?;
        Ok(GetApiTokenResponse::Ok(shown(token.ok_or_else(not_found)?)))
    }

    async fn create_api_token(&self, caller: Principal, body: ApiTokenCreate) -> Result<CreateApiTokenResponse> {
        caller.must_have_logged_in()?;
        let scopes: Vec<String> = body.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        if !scopes.iter().all(|scope| caller.has_scope(scope)) {
            let detail = "An API token has no more scopes than its owner.";
            return Err(Problem::forbidden("insufficient_scope", detail).into());
        }
        let accounts = &self.access.accounts;
        let (created, token) =
            accounts.create_api_token(&caller, QUOTA, body.name, scopes, body.expires_in_days).await?;
        let ApiToken { id, name, scopes, created_at, expires_at, used_at } = shown(created);
        let body = NewApiToken { id, name, scopes, created_at, expires_at, used_at, token };
        Ok(CreateApiTokenResponse::Created { location: format!("/api/v1/auth/api-tokens/{id}"), body })
    }

    async fn revoke_api_token(
        &self,
        caller: Principal,
        params: RevokeApiTokenParams,
    ) -> Result<RevokeApiTokenResponse> {
        let id = params.api_token_id;
        // An API token may revoke itself, and no other.
        if caller.token_id() != id {
            caller.must_have_logged_in()?;
        }
        match self.access.accounts.revoke_api_token(&caller, id).await? {
            true => Ok(RevokeApiTokenResponse::NoContent),
            false => Err(not_found().into()),
        }
    }
}

fn not_found() -> Problem {
    Problem::not_found("api_token_not_found", "API token not found.")
}

fn shown(token: identity::ApiToken) -> ApiToken {
    let identity::ApiToken { id, name, scopes, created_at, expires_at, used_at } = token;
    let scope = |text: &String| Scope::ALL.iter().find(|(name, _)| name == text).map(|(_, scope)| *scope);
    ApiToken { id, name, scopes: scopes.iter().filter_map(scope).collect(), created_at, expires_at, used_at }
}
