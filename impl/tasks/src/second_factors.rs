//! Handlers of the caller's second factors.

use std::sync::Arc;

use platform::audit::{Action, Entry};
use platform::identity::{Principal, caller_is_gone};
use platform::second_factors::Proof;
use platform::{Result, Transaction};
use tasks_api::apis::second_factors::{
    BEGIN_TOTP, BeginTotpResponse, ConfirmTotpResponse, DISABLE_TOTP, DisableTotpResponse, GetSecondFactorsResponse,
    ReplaceRecoveryCodesResponse, SecondFactors,
};
use tasks_api::models::{self, OneTimeCode, PasswordProof, RecoveryCodes, TotpDisable, TotpSecret};

use crate::TasksService;

impl SecondFactors for TasksService {
    async fn get_second_factors(&self, caller: Principal) -> Result<GetSecondFactorsResponse> {
        let accounts = &self.access.accounts;
        let state = accounts.second_factors().state(&self.database, caller.user_id()).await?;
        let state = state.ok_or_else(caller_is_gone)?;
        Ok(GetSecondFactorsResponse::Ok(models::SecondFactors {
            totp: state.has_totp,
            recovery_codes_left: state.recovery_codes,
            passkeys: state.passkeys,
            required: state.is_superuser && accounts.superusers_need_factor(),
        }))
    }

    async fn begin_totp(&self, caller: Principal, body: PasswordProof) -> Result<BeginTotpResponse> {
        caller.must_have_logged_in()?;
        let accounts = &self.access.accounts;
        accounts.prove(self.access.limiter.guard(&BEGIN_TOTP), &caller, body.current_password).await?;
        let email = accounts.current_user(&caller).await?.email;
        let factors = Arc::clone(accounts.second_factors());
        let begin =
            move |mut tx: Transaction| async move { factors.begin_totp(&mut tx, caller.user_id(), &email).await };
        let enrolment = self.database.write(begin).await?;
        Ok(BeginTotpResponse::Created(TotpSecret { secret: enrolment.secret, otpauth_url: enrolment.url }))
    }

    async fn confirm_totp(&self, caller: Principal, body: OneTimeCode) -> Result<ConfirmTotpResponse> {
        caller.must_have_logged_in()?;
        let accounts = self.access.accounts.clone();
        let proof = accounts.second_factors().check_first(&self.database, caller.user_id(), &body.code).await?;
        let entry = Entry::of(&caller, Action::TotpEnabled, caller.user_id());
        let enable = move |mut tx: Transaction| async move {
            let codes = proof.enable(&mut tx, caller.user_id()).await?;
            accounts.end_other_sessions(&mut tx, &caller).await?;
            Ok((codes, entry.write(&mut tx).await?))
        };
        let (recovery_codes, written) = self.database.write(enable).await?;
        written.tell();
        self.access.accounts.user_changed(caller.user_id());
        Ok(ConfirmTotpResponse::Ok(RecoveryCodes { recovery_codes }))
    }

    async fn replace_recovery_codes(
        &self,
        caller: Principal,
        body: OneTimeCode,
    ) -> Result<ReplaceRecoveryCodesResponse> {
        caller.must_have_logged_in()?;
        let proof = self.code_of(&caller, &body.code).await?;
        let entry = Entry::of(&caller, Action::RecoveryCodesReplaced, caller.user_id());
        let replace = move |mut tx: Transaction| async move {
            let codes = proof.replace_recovery_codes(&mut tx, caller.user_id()).await?;
            Ok((codes, entry.write(&mut tx).await?))
        };
        let (recovery_codes, written) = self.database.write(replace).await?;
        written.tell();
        Ok(ReplaceRecoveryCodesResponse::Ok(RecoveryCodes { recovery_codes }))
    }

    async fn disable_totp(&self, caller: Principal, body: TotpDisable) -> Result<DisableTotpResponse> {
        caller.must_have_logged_in()?;
        let TotpDisable { current_password, code } = body;
        let guard = self.access.limiter.guard(&DISABLE_TOTP);
        self.access.accounts.prove(guard, &caller, current_password).await?;
        let proof = self.code_of(&caller, &code).await?;
        let entry = Entry::of(&caller, Action::TotpDisabled, caller.user_id());
        let disable = move |mut tx: Transaction| async move {
            proof.disable(&mut tx, caller.user_id()).await?;
            entry.write(&mut tx).await
        };
        self.database.write(disable).await?.tell();
        Ok(DisableTotpResponse::NoContent)
    }
}

impl TasksService {
    /// A code with which a caller confirms what they do.
    async fn code_of(&self, caller: &Principal, code: &str) -> Result<Proof> {
        self.access.accounts.second_factors().confirm(&self.database, caller.user_id(), code).await
    }
}
