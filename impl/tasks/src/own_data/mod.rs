//! What is stored about a user, in all services: the export, and the deletion of the account after a grace period.
//!
//! Which data these are is registered in the database, where the services' tables meet (`personal_data_columns`, `personal_data`): services
//! do not know each other.

mod archive;
mod erasure;
mod queries;
mod state;

use std::sync::Arc;
use std::time::Duration;

use contract::{ByteStream, Problem};
use platform::audit::{self, Action, Entry};
use platform::identity::{Principal, caller_is_gone, users};
use platform::{Error, Result};
use tasks_api::apis::own_data::{
    CancelAccountDeletionResponse, ExportPersonalDataResponse, GetAccountDeletionResponse, OwnData,
    SCHEDULE_ACCOUNT_DELETION, ScheduleAccountDeletionResponse,
};
use tasks_api::models::{AccountDeletion, AccountDeletionRequest};
use tokio::time::timeout;

use crate::TasksService;
use crate::users::superuser_remains;

pub(crate) use erasure::{MAX_ERASED_ROWS, MIN_ERASED_ROWS, erase_slice};
pub(crate) use state::{Erasures, Exports};

/// How long an export waits for the one that is being built, which has a connection to Postgres.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(3);

impl OwnData for TasksService {
    async fn export_personal_data(&self, caller: Principal) -> Result<ExportPersonalDataResponse> {
        caller.must_have_logged_in()?;
        let body = self.export(&caller).await?;
        let content_disposition = "attachment; filename=\"personal-data.zip\"".to_owned();
        Ok(ExportPersonalDataResponse::Ok { body, content_disposition })
    }

    async fn get_account_deletion(&self, caller: Principal) -> Result<GetAccountDeletionResponse> {
        caller.must_have_logged_in()?;
        let deletion_at = queries::deletion_at(self.database.latest_reads(), caller.user_id()).await?;
        Ok(GetAccountDeletionResponse::Ok(AccountDeletion { deletion_at }))
    }

    async fn schedule_account_deletion(
        &self,
        caller: Principal,
        body: AccountDeletionRequest,
    ) -> Result<ScheduleAccountDeletionResponse> {
        caller.must_have_logged_in()?;
        let accounts = self.access.accounts.clone();
        let guard = self.access.limiter.guard(&SCHEDULE_ACCOUNT_DELETION);
        accounts.prove(guard, &caller, body.current_password).await?;
        let (user, days) = (caller.user_id(), self.deletion.account_deletion_grace_days);
        let entry = Entry::of(&caller, Action::DeletionScheduled, user);
        let (deletion_at, written) = self
            .database
            .write(move |mut tx| async move {
                superuser_remains(&mut tx, user).await?;
                let known = users::lock(&mut tx, user).await?;
                known.filter(|user| user.is_active).ok_or_else(caller_is_gone)?;
                let (deletion_at, is_new) = queries::schedule(&mut tx, user, days).await?;
                accounts.revoke_all(&mut tx, user).await?;
                Ok((deletion_at, Entry::write_any(is_new.then_some(entry), &mut tx).await?))
            })
            .await?;
        written.tell();
        self.access.accounts.user_changed(user);
        Ok(ScheduleAccountDeletionResponse::Accepted(AccountDeletion { deletion_at: Some(deletion_at) }))
    }

    async fn cancel_account_deletion(&self, caller: Principal) -> Result<CancelAccountDeletionResponse> {
        caller.must_have_logged_in()?;
        let user = caller.user_id();
        let entry = Entry::of(&caller, Action::DeletionCancelled, user);
        let written = self
            .database
            .write(move |mut tx| async move {
                // An erasure locks the user as well. Where it was first, the account is closed, or gone.
                let known = users::lock(&mut tx, user).await?;
                known.filter(|user| user.is_active).ok_or_else(caller_is_gone)?;
                let was_scheduled = queries::cancel(&mut tx, user).await?;
                Entry::write_any(was_scheduled.then_some(entry), &mut tx).await
            })
            .await?;
        written.tell();
        self.access.accounts.user_changed(user);
        Ok(CancelAccountDeletionResponse::NoContent)
    }
}

impl TasksService {
    /// The archive of a caller's data. It is complete before the first byte is sent, so that a slow client holds no connection to Postgres.
    async fn export(&self, caller: &Principal) -> Result<ByteStream> {
        let busy = || Problem::unavailable("overloaded", "Others export their data; try again.", 10);
        let place = Arc::clone(&self.exports.all).try_acquire_owned().map_err(|_| busy())?;
        let turn = timeout(QUEUE_TIMEOUT, self.exports.building.acquire()).await.map_err(|_| busy())?;
        let _turn = turn.map_err(Error::internal)?;
        let user = caller.user_id();
        audit::write_alone(&self.database, Entry::of(caller, Action::DataExported, user)).await?;
        let file = archive::build(&self.database, user).await?;
        Ok(archive::stream(file, place))
    }
}
