//! Handlers of users.

use std::time::{Duration, Instant};

use contract::{Operation, Problem, if_match};
use platform::Result;
use platform::Transaction;
use platform::identity::users::{self, UserChange};
use platform::identity::{NewUser, Principal, caller_is_gone};
use platform::user_model;
use tasks_api::apis::users::{
    CreateUserResponse, DeleteUserParams, DeleteUserResponse, GetMeParams, GetMeResponse, GetUserParams,
    GetUserResponse, ListUsersParams, ListUsersResponse, PATCH_ME, PUT_ME, PatchMeParams, PatchMeResponse,
    PatchUserParams, PatchUserResponse, PutMeParams, PutMeResponse, PutUserParams, PutUserResponse, Users,
};
use tasks_api::models::{User, UserCreate, UserSelfUpdate, UserUpdate};

use crate::{TasksService, user_queries};

/// Rows of what is known of a user that one transaction erases.
const ERASED_AT_ONCE: i64 = 2_000;
/// No slice of an erasure is begun later than this; shorter than a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Users for TasksService {
    async fn list_users(&self, _: Principal, params: ListUsersParams) -> Result<ListUsersResponse> {
        let (body, x_next_cursor) = user_queries::list(self.database.reads(), &params).await?;
        let x_total_count = match params.count {
            true => Some(user_queries::count(self.database.reads(), &params).await?),
            false => None,
        };
        Ok(ListUsersResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_user(&self, _: Principal, body: UserCreate) -> Result<CreateUserResponse> {
        let UserCreate { email, password, full_name, is_active, is_superuser } = body;
        let hashed_password = self.accounts.hash_password(password).await?;
        let user = NewUser { email, hashed_password, full_name: full_name.flatten(), is_active, is_superuser };
        let user = self.database.write(move |mut tx| async move { users::insert(&mut tx, &user).await }).await?;
        Ok(CreateUserResponse::Created {
            location: format!("/api/v1/users/{}", user.id),
            body: user_model!(tasks_api, user),
        })
    }

    async fn get_me(&self, caller: Principal, _: GetMeParams) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(user_model!(tasks_api, user)))
    }

    async fn put_me(&self, caller: Principal, params: PutMeParams, body: UserSelfUpdate) -> Result<PutMeResponse> {
        self.change_self(&PUT_ME, caller, params.if_match, body).await.map(PutMeResponse::Ok)
    }

    async fn patch_me(
        &self,
        caller: Principal,
        params: PatchMeParams,
        body: UserSelfUpdate,
    ) -> Result<PatchMeResponse> {
        self.change_self(&PATCH_ME, caller, params.if_match, body).await.map(PatchMeResponse::Ok)
    }

    async fn get_user(&self, caller: Principal, params: GetUserParams) -> Result<GetUserResponse> {
        if !caller.is_superuser() && caller.user_id() != params.user_id {
            return Err(not_found().into());
        }
        let user = users::find(self.database.reads(), params.user_id).await?.ok_or_else(not_found)?;
        Ok(GetUserResponse::Ok(user_model!(tasks_api, user)))
    }

    async fn put_user(&self, _: Principal, params: PutUserParams, body: UserUpdate) -> Result<PutUserResponse> {
        self.change_user(params.user_id, params.if_match, body).await.map(PutUserResponse::Ok)
    }

    async fn patch_user(&self, _: Principal, params: PatchUserParams, body: UserUpdate) -> Result<PatchUserResponse> {
        self.change_user(params.user_id, params.if_match, body).await.map(PatchUserResponse::Ok)
    }

    async fn delete_user(&self, _: Principal, params: DeleteUserParams) -> Result<DeleteUserResponse> {
        let DeleteUserParams { user_id, if_match: condition } = params;
        let begun = Instant::now();
        let (mut user, mut condition) = (None, condition);
        // Nearly always once. Whoever has left more behind than one transaction can erase loses the account first and then the
        // rest, slice by slice; what was erased stays erased when there is no time left.
        let user = loop {
            let condition = condition.take();
            let (seen, done) = self
                .database
                .write(move |mut tx| async move {
                    superuser_remains(&mut tx, user_id).await?;
                    let seen = locked(&mut tx, user_id, condition.as_deref(), not_found).await?;
                    let done = user_queries::erase(&mut tx, user_id, ERASED_AT_ONCE).await? < ERASED_AT_ONCE;
                    match done {
                        true => user_queries::delete(&mut tx, user_id).await?,
                        false => user_queries::close(&mut tx, user_id).await?,
                    }
                    Ok((seen, done))
                })
                .await?;
            self.accounts.user_changed(user_id);
            let user = user.get_or_insert(seen);
            if done {
                break user.clone();
            }
            if begun.elapsed() > PATIENCE {
                let detail = "The account is closed, and there is more to erase: ask again.";
                return Err(Problem::unavailable("erasure_unfinished", detail, 1).into());
            }
        };
        Ok(DeleteUserResponse::Ok(user))
    }
}

impl TasksService {
    async fn change_self(
        &self,
        operation: &'static Operation,
        caller: Principal,
        condition: Option<String>,
        body: UserSelfUpdate,
    ) -> Result<User> {
        let UserSelfUpdate { email, password, full_name, current_password } = body;
        if let Some(current) = current_password {
            let proof = self.prove(&caller, current);
            self.limiter.count_failures(operation, &caller.user_id().to_string(), proof).await?;
        }
        let change = UserChange { email, full_name, ..UserChange::default() };
        self.change(caller.user_id(), condition, password, change, caller_is_gone).await
    }

    async fn prove(&self, caller: &Principal, password: String) -> Result<()> {
        match self.accounts.is_password(caller, password).await? {
            true => Ok(()),
            false => Err(Problem::forbidden("wrong_password", "The current password is another one.").into()),
        }
    }

    async fn change_user(&self, id: i64, condition: Option<String>, body: UserUpdate) -> Result<User> {
        let UserUpdate { email, password, full_name, is_active, is_superuser } = body;
        let change = UserChange { email, full_name, is_active, is_superuser, ..UserChange::default() };
        self.change(id, condition, password, change, not_found).await
    }

    async fn change(
        &self,
        id: i64,
        condition: Option<String>,
        password: Option<String>,
        mut change: UserChange,
        missing: fn() -> Problem,
    ) -> Result<User> {
        if let Some(password) = password {
            // Slow, so before any row is locked.
            change.hashed_password = Some(self.accounts.hash_password(password).await?);
        }
        let changed = self
            .database
            .write(move |mut tx| async move {
                if change.is_active == Some(false) || change.is_superuser == Some(false) {
                    superuser_remains(&mut tx, id).await?;
                }
                locked(&mut tx, id, condition.as_deref(), missing).await?;
                Ok(users::update(&mut tx, id, &change).await?.ok_or_else(missing)?)
            })
            .await?;
        self.accounts.user_changed(id);
        Ok(user_model!(tasks_api, changed))
    }
}

/// Locks a user as the caller last saw it.
async fn locked(tx: &mut Transaction, id: i64, condition: Option<&str>, missing: fn() -> Problem) -> Result<User> {
    let user = user_model!(tasks_api, users::lock(tx, id).await?.ok_or_else(missing)?);
    if_match(condition, &user)?;
    Ok(user)
}

/// Refuses to take away the last one who can give rights.
async fn superuser_remains(tx: &mut Transaction, id: i64) -> Result<()> {
    if user_queries::is_last_superuser(tx, id).await? {
        return Err(Problem::conflict("last_superuser", "This is the last active superuser.").into());
    }
    Ok(())
}

fn not_found() -> Problem {
    Problem::not_found("user_not_found", "There is no such user.")
}
