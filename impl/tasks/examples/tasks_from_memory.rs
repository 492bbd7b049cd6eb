//! The tasks service as the server runs it, but the responses of `get_task` and `list_tasks` are read once and then kept in
//! memory: routing, identity, limits, logs, decoding and encoding without storage. Settings are the server's own.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use platform::identity::Principal;
use platform::{Error, Limiter, Result};
use tasks::TasksService;
use tasks_api::apis::{
    api_tokens, audit, email, login, openid, own_data, passkeys, projects, second_factors, sessions, tasks as api,
    users,
};
use tasks_api::models;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct FromMemory {
    service: TasksService,
    tasks: RwLock<HashMap<i64, models::TaskDetail>>,
    list: RwLock<Option<(Vec<models::Task>, Option<String>)>>,
}

macro_rules! pass_on {
    ($($operation:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(async fn $operation(&self, $($argument: $kind),*) -> Result<$answer> {
            self.service.$operation($($argument),*).await
        })*
    };
}

impl contract::Api for FromMemory {
    type Caller = Principal;
    type Error = Error;

    pass_on! {
        admit(operation: &'static contract::Operation, caller: Option<&Principal>) -> Vec<contract::Quota>;
        authenticate(token: &str) -> Principal;
    }
}

impl api::Tasks for FromMemory {
    async fn get_task(&self, caller: Principal, params: api::GetTaskParams) -> Result<api::GetTaskResponse> {
        let id = params.task_id;
        let known = self.tasks.read().expect("no writer panics").get(&id).cloned();
        if let Some(task) = known {
            return Ok(api::GetTaskResponse::Ok(task));
        }
        let api::GetTaskResponse::Ok(task) = self.service.get_task(caller, params).await?;
        self.tasks.write().expect("no writer panics").insert(id, task.clone());
        Ok(api::GetTaskResponse::Ok(task))
    }

    /// One list is measured, for all callers and parameters.
    async fn list_tasks(&self, caller: Principal, params: api::ListTasksParams) -> Result<api::ListTasksResponse> {
        let known = self.list.read().expect("no writer panics").clone();
        if let Some((body, x_next_cursor)) = known {
            return Ok(api::ListTasksResponse::Ok { body, x_total_count: None, x_next_cursor });
        }
        let api::ListTasksResponse::Ok { body, x_next_cursor, x_total_count } =
            self.service.list_tasks(caller, params).await?;
        *self.list.write().expect("no writer panics") = Some((body.clone(), x_next_cursor.clone()));
        Ok(api::ListTasksResponse::Ok { body, x_total_count, x_next_cursor })
    }

    pass_on! {
        assign_task(caller: Principal, params: api::AssignTaskParams) -> api::AssignTaskResponse;
        create_task(caller: Principal, body: models::TaskCreate) -> api::CreateTaskResponse;
        delete_task(caller: Principal, params: api::DeleteTaskParams) -> api::DeleteTaskResponse;
        patch_task(caller: Principal, params: api::PatchTaskParams, body: models::TaskUpdate) -> api::PatchTaskResponse;
        put_task(caller: Principal, params: api::PutTaskParams, body: models::TaskUpdate) -> api::PutTaskResponse;
        set_task_status(caller: Principal, params: api::SetTaskStatusParams) -> api::SetTaskStatusResponse;
    }
}

impl audit::Audit for FromMemory {
    pass_on! {
        list_audit_events(caller: Principal, params: audit::ListAuditEventsParams) -> audit::ListAuditEventsResponse;
    }
}

impl login::Login for FromMemory {
    pass_on! {
        login_access_token(body: models::LoginForm) -> login::LoginAccessTokenResponse;
        logout(caller: Principal) -> login::LogoutResponse;
        revoke_token(body: models::RevocationForm) -> login::RevokeTokenResponse;
        signup(body: models::Signup) -> login::SignupResponse;
        test_token(caller: Principal) -> login::TestTokenResponse;
    }
}

impl sessions::Sessions for FromMemory {
    pass_on! {
        end_session(caller: Principal, params: sessions::EndSessionParams) -> sessions::EndSessionResponse;
        end_sessions(caller: Principal, params: sessions::EndSessionsParams) -> sessions::EndSessionsResponse;
        list_sessions(caller: Principal) -> sessions::ListSessionsResponse;
    }
}

impl api_tokens::ApiTokens for FromMemory {
    pass_on! {
        create_api_token(caller: Principal, body: models::ApiTokenCreate) -> api_tokens::CreateApiTokenResponse;
        get_api_token(caller: Principal, params: api_tokens::GetApiTokenParams) -> api_tokens::GetApiTokenResponse;
        list_api_tokens(caller: Principal) -> api_tokens::ListApiTokensResponse;
        revoke_api_token(caller: Principal, params: api_tokens::RevokeApiTokenParams)
            -> api_tokens::RevokeApiTokenResponse;
    }
}

impl own_data::OwnData for FromMemory {
    pass_on! {
        cancel_account_deletion(caller: Principal) -> own_data::CancelAccountDeletionResponse;
        export_personal_data(caller: Principal) -> own_data::ExportPersonalDataResponse;
        get_account_deletion(caller: Principal) -> own_data::GetAccountDeletionResponse;
        schedule_account_deletion(caller: Principal, body: models::AccountDeletionRequest)
            -> own_data::ScheduleAccountDeletionResponse;
    }
}

impl email::Email for FromMemory {
    pass_on! {
        change_email(caller: Principal, body: models::EmailChange) -> email::ChangeEmailResponse;
        confirm_email(body: models::EmailConfirmation) -> email::ConfirmEmailResponse;
        forgot_password(body: models::PasswordForgotten) -> email::ForgotPasswordResponse;
        reset_password(body: models::PasswordReset) -> email::ResetPasswordResponse;
        send_email_verification(caller: Principal) -> email::SendEmailVerificationResponse;
    }
}

impl openid::Openid for FromMemory {
    pass_on! {
        begin_openid_authorization(
            params: openid::BeginOpenidAuthorizationParams, body: models::OpenidAuthorizationRequest
        ) -> openid::BeginOpenidAuthorizationResponse;
        link_openid_identity(caller: Principal, params: openid::LinkOpenidIdentityParams, body: models::OpenidLink)
            -> openid::LinkOpenidIdentityResponse;
        list_openid_identities(caller: Principal) -> openid::ListOpenidIdentitiesResponse;
        list_openid_providers() -> openid::ListOpenidProvidersResponse;
        log_in_with_openid(params: openid::LogInWithOpenidParams, body: models::OpenidLogin)
            -> openid::LogInWithOpenidResponse;
        unlink_openid_identity(caller: Principal, params: openid::UnlinkOpenidIdentityParams)
            -> openid::UnlinkOpenidIdentityResponse;
    }
}

impl second_factors::SecondFactors for FromMemory {
    pass_on! {
        begin_totp(caller: Principal, body: models::PasswordProof) -> second_factors::BeginTotpResponse;
        confirm_totp(caller: Principal, body: models::OneTimeCode) -> second_factors::ConfirmTotpResponse;
        disable_totp(caller: Principal, body: models::TotpDisable) -> second_factors::DisableTotpResponse;
        get_second_factors(caller: Principal) -> second_factors::GetSecondFactorsResponse;
        replace_recovery_codes(caller: Principal, body: models::OneTimeCode)
            -> second_factors::ReplaceRecoveryCodesResponse;
    }
}

impl passkeys::Passkeys for FromMemory {
    pass_on! {
        begin_passkey_login() -> passkeys::BeginPasskeyLoginResponse;
        begin_passkey_registration(caller: Principal, body: models::PasswordProof)
            -> passkeys::BeginPasskeyRegistrationResponse;
        create_passkey(caller: Principal, body: models::PasskeyCreate) -> passkeys::CreatePasskeyResponse;
        delete_passkey(caller: Principal, params: passkeys::DeletePasskeyParams) -> passkeys::DeletePasskeyResponse;
        list_passkeys(caller: Principal) -> passkeys::ListPasskeysResponse;
        login_with_passkey(body: models::PasskeyLogin) -> passkeys::LoginWithPasskeyResponse;
    }
}

impl projects::Projects for FromMemory {
    pass_on! {
        create_project(caller: Principal, body: models::ProjectCreate) -> projects::CreateProjectResponse;
        delete_project(caller: Principal, params: projects::DeleteProjectParams) -> projects::DeleteProjectResponse;
        get_project(caller: Principal, params: projects::GetProjectParams) -> projects::GetProjectResponse;
        list_projects(caller: Principal, params: projects::ListProjectsParams) -> projects::ListProjectsResponse;
        patch_project(caller: Principal, params: projects::PatchProjectParams, body: models::ProjectUpdate)
            -> projects::PatchProjectResponse;
        put_project(caller: Principal, params: projects::PutProjectParams, body: models::ProjectUpdate)
            -> projects::PutProjectResponse;
    }
}

impl users::Users for FromMemory {
    pass_on! {
        create_user(caller: Principal, body: models::UserCreate) -> users::CreateUserResponse;
        delete_user(caller: Principal, params: users::DeleteUserParams) -> users::DeleteUserResponse;
        get_me(caller: Principal, params: users::GetMeParams) -> users::GetMeResponse;
        get_user(caller: Principal, params: users::GetUserParams) -> users::GetUserResponse;
        list_users(caller: Principal, params: users::ListUsersParams) -> users::ListUsersResponse;
        patch_me(caller: Principal, params: users::PatchMeParams, body: models::UserSelfUpdate)
            -> users::PatchMeResponse;
        patch_user(caller: Principal, params: users::PatchUserParams, body: models::UserUpdate)
            -> users::PatchUserResponse;
        put_me(caller: Principal, params: users::PutMeParams, body: models::UserSelfUpdate) -> users::PutMeResponse;
        put_user(caller: Principal, params: users::PutUserParams, body: models::UserUpdate) -> users::PutUserResponse;
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    bench::from_memory::serve("tasks", tasks::DOCUMENT, async |settings, database, accounts| {
        let limiter = Limiter::new(&settings.http, &settings.redis, &settings.auth).map_err(Error::internal)?;
        let service = TasksService::plain(database, accounts, limiter).map_err(Error::internal)?;
        Ok(tasks::router(Arc::new(FromMemory { service, tasks: RwLock::default(), list: RwLock::default() })))
    })
    .await
}
