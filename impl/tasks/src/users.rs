//! Handlers of users.

use std::time::Duration;

use contract::{Operation, Problem, if_match};
use platform::Result;
use platform::Transaction;
use platform::audit::{Action, Entry, Written};
use platform::identity::users::{self, UserChange};
use platform::identity::{NewUser, Principal, caller_is_gone};
use platform::slices::Slice;
use tasks_api::apis::users::{
    CreateUserResponse, DeleteUserParams, DeleteUserResponse, GetMeParams, GetMeResponse, GetUserParams,
    GetUserResponse, ListUsersParams, ListUsersResponse, PATCH_ME, PATCH_USER, PUT_ME, PUT_USER, PatchMeParams,
    PatchMeResponse, PatchUserParams, PatchUserResponse, PutMeParams, PutMeResponse, PutUserParams, PutUserResponse,
    Users,
};
use tasks_api::models::{User, UserCreate, UserSelfUpdate, UserUpdate};

use crate::own_data::{MAX_ERASED_ROWS, MIN_ERASED_ROWS, erase_slice};
use crate::{TasksService, user_queries};

/// No batch of an erasure starts later than this; shorter than the deadline of a request.
const ERASURE_TIMEOUT: Duration = Duration::from_secs(5);

impl Users for TasksService {
    async fn list_users(&self, _: Principal, params: ListUsersParams) -> Result<ListUsersResponse> {
        let (body, x_next_cursor) = user_queries::list(self.database.reads(), &params).await?;
        let x_total_count = match params.count {
            true => Some(user_queries::count(self.database.reads(), &params).await?),
            false => None,
        };
        Ok(ListUsersResponse::Ok { body, x_total_count, x_next_cursor })
    }

    async fn create_user(&self, caller: Principal, body: UserCreate) -> Result<CreateUserResponse> {
        let UserCreate { email, password, full_name, is_active, is_superuser } = body;
        let full_name = full_name.flatten();
        let about = [Some(&*email), full_name.as_deref()];
        let hashed_password = self.access.accounts.hash_password(password, &about).await?;
        let user = NewUser { email, hashed_password, full_name, is_active, is_superuser };
        let (entry, mail) = (Entry::by(Some(caller.user_id()), Action::UserCreated), self.mail.clone());
        let (user, written) = self
            .database
            .write(move |mut tx| async move {
                let user = users::insert(&mut tx, &user).await?;
                mail.user_created(&mut tx, user.id).await?;
                let mut written = entry.clone().on(user.id).write(&mut tx).await?;
                if user.is_superuser {
                    written.add(entry.and(Action::SuperuserGranted).on(user.id).write(&mut tx).await?);
                }
                Ok((user, written))
            })
            .await?;
        written.tell();
        Ok(CreateUserResponse::Created { location: format!("/api/v1/users/{}", user.id), body: user.into() })
    }

    async fn get_me(&self, caller: Principal, _: GetMeParams) -> Result<GetMeResponse> {
        let user = self.access.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(user.into()))
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
        Ok(GetUserResponse::Ok(user.into()))
    }

    async fn put_user(&self, caller: Principal, params: PutUserParams, body: UserUpdate) -> Result<PutUserResponse> {
        self.change_user(&PUT_USER, caller, params.user_id, params.if_match, body).await.map(PutUserResponse::Ok)
    }

    async fn patch_user(
        &self,
        caller: Principal,
        params: PatchUserParams,
        body: UserUpdate,
    ) -> Result<PatchUserResponse> {
        self.change_user(&PATCH_USER, caller, params.user_id, params.if_match, body).await.map(PatchUserResponse::Ok)
    }

    async fn delete_user(&self, caller: Principal, params: DeleteUserParams) -> Result<DeleteUserResponse> {
        let DeleteUserParams { user_id, if_match: mut condition } = params;
        let entry = Entry::of(&caller, Action::UserDeleted, user_id);
        let (slice, mut deleted) = (Slice::new(MIN_ERASED_ROWS, MAX_ERASED_ROWS), None);
        // Nearly always once. A user with more data than one transaction can erase loses the account first and then the rest,
        // batch by batch; what was erased stays erased when the time is over.
        let mut run = slice.run().within(ERASURE_TIMEOUT);
        while let Some(most) = run.next().await {
            let (wanted, entry) = (condition.clone(), entry.clone());
            let done = self
                .database
                .write(move |mut tx| async move {
                    superuser_remains(&mut tx, user_id).await?;
                    let seen = locked(&mut tx, user_id, wanted.as_deref(), not_found).await?;
                    let written = match erase_slice(&mut tx, user_id, most).await? {
                        true => Some(entry.write(&mut tx).await?),
                        false => None,
                    };
                    Ok((seen, written))
                })
                .await;
            let Some((seen, written)) = run.settle(done, |(_, written)| written.is_none())? else { continue };
            self.access.accounts.user_changed(user_id);
            condition = None;
            deleted.get_or_insert(seen);
            if let Some(written) = written {
                written.tell();
            }
        }
        let unfinished = "The account is closed, more data remain to be deleted: repeat the request.";
        let user = deleted.filter(|_| run.is_finished());
        let user = user.ok_or_else(|| Problem::unavailable("erasure_unfinished", unfinished, 1))?;
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
        let proof = self.prove(operation, &caller, current_password).await?;
        let change = UserChange { email, full_name, ..UserChange::default() };
        let asked = Asked { caller, id: caller.user_id(), condition, password, proof, missing: caller_is_gone };
        self.change(asked, change).await
    }

    async fn change_user(
        &self,
        operation: &'static Operation,
        caller: Principal,
        id: i64,
        condition: Option<String>,
        body: UserUpdate,
    ) -> Result<User> {
        let UserUpdate { email, password, full_name, is_active, is_superuser, current_password } = body;
        let proof = match caller.user_id() == id {
            true => self.prove(operation, &caller, current_password).await?,
            false => Proof::Needless,
        };
        let change = UserChange { email, full_name, is_active, is_superuser, ..UserChange::default() };
        self.change(Asked { caller, id, condition, password, proof, missing: not_found }, change).await
    }

    /// Whether the caller proves to own the account, with the current password.
    async fn prove(
        &self,
        operation: &'static Operation,
        caller: &Principal,
        current_password: Option<String>,
    ) -> Result<Proof> {
        let Some(password) = current_password else { return Ok(Proof::Missing) };
        self.access.accounts.prove(self.access.limiter.guard(operation), caller, password).await?;
        Ok(Proof::Given)
    }

    async fn change(&self, asked: Asked, mut change: UserChange) -> Result<User> {
        let Asked { caller, id, condition, password, proof, missing } = asked;
        if let Some(password) = password {
            if proof == Proof::Missing {
                return Err(proof_required().into());
            }
            // Slow, so before any row is locked.
            let about = [change.email.as_deref(), change.full_name.as_ref().and_then(Option::as_deref)];
            change.hashed_password = Some(self.access.accounts.hash_password(password, &about).await?);
        }
        let (entry, here) = (Entry::of(&caller, Action::EmailChanged, id), self.access.accounts.here());
        let mail = self.mail.clone();
        let (changed, written) = self
            .database
            .write(move |mut tx| async move {
                if change.is_active == Some(false) || change.is_superuser == Some(false) {
                    superuser_remains(&mut tx, id).await?;
                }
                let current = locked(&mut tx, id, condition.as_deref(), missing).await?;
                if proof == Proof::Missing && change.email.as_ref().is_some_and(|email| *email != current.email) {
                    return Err(proof_required().into());
                }
                let changed = users::update(&mut tx, id, &change).await?.ok_or_else(missing)?;
                if proof == Proof::Given {
                    here.is_used_by(&mut tx, id).await?;
                }
                if changed.email != current.email {
                    mail.email_changed(&mut tx, id, &current.email, &changed.email).await?;
                }
                if change.hashed_password.is_some() {
                    mail.password_changed(&mut tx, id, &current.email).await?;
                }
                let mut written = Written::default();
                for action in changes(&current, &change) {
                    written.add(entry.and(action).write(&mut tx).await?);
                }
                Ok((changed, written))
            })
            .await?;
        written.tell();
        self.access.accounts.user_changed(id);
        self.mail.wake();
        Ok(changed.into())
    }
}

/// A requested change of an account.
struct Asked {
    caller: Principal,
    id: i64,
    condition: Option<String>,
    password: Option<String>,
    proof: Proof,
    missing: fn() -> Problem,
}

/// Whether the caller is the account's owner, which a token alone does not prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Given,
    Missing,
    /// It is another's account, and the caller a superuser.
    Needless,
}

/// The audited actions of a change.
fn changes(current: &User, change: &UserChange) -> Vec<Action> {
    let flag = |now: bool, then: Option<bool>, on: Action, off: Action| {
        then.filter(|then| *then != now).map(|then| if then { on } else { off })
    };
    let email = change.email.as_ref().filter(|email| **email != current.email);
    let all = [
        email.map(|_| Action::EmailChanged),
        change.hashed_password.as_ref().map(|_| Action::PasswordChanged),
        flag(current.is_active, change.is_active, Action::UserActivated, Action::UserDeactivated),
        flag(current.is_superuser, change.is_superuser, Action::SuperuserGranted, Action::SuperuserRevoked),
    ];
    all.into_iter().flatten().collect()
}

pub(crate) fn proof_required() -> Problem {
    let detail = "This change requires current_password, in addition to the token.";
    Problem::forbidden("current_password_required", detail)
}

/// Locks a user after checking the version that the caller has seen.
async fn locked(tx: &mut Transaction, id: i64, condition: Option<&str>, missing: fn() -> Problem) -> Result<User> {
    let user = users::lock(tx, id).await?.ok_or_else(missing)?.into();
    if_match(condition, &user)?;
    Ok(user)
}

/// Rejects a change that would remove the last active superuser.
pub(crate) async fn superuser_remains(tx: &mut Transaction, id: i64) -> Result<()> {
    if user_queries::is_last_superuser(tx, id).await? {
        return Err(Problem::conflict("last_superuser", "This is the last active superuser.").into());
    }
    Ok(())
}

fn not_found() -> Problem {
    Problem::not_found("user_not_found", "User not found.")
}
