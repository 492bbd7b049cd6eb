//! Handlers of what is done by mail.

use platform::Result;
use platform::identity::Principal;
use tasks_api::apis::email::{
    CHANGE_EMAIL, ChangeEmailResponse, ConfirmEmailResponse, Email, ForgotPasswordResponse, ResetPasswordResponse,
    SendEmailVerificationResponse,
};
use tasks_api::models::{EmailChange, EmailConfirmation, PasswordForgotten, PasswordReset};

use crate::TasksService;

impl Email for TasksService {
    async fn send_email_verification(&self, caller: Principal) -> Result<SendEmailVerificationResponse> {
        self.mail.send_verification(&caller).await?;
        Ok(SendEmailVerificationResponse::Accepted)
    }

    async fn change_email(&self, caller: Principal, body: EmailChange) -> Result<ChangeEmailResponse> {
        let EmailChange { email, current_password } = body;
        let guard = self.access.limiter.guard(&CHANGE_EMAIL);
        self.mail.request_change(guard, &caller, email, current_password).await?;
        Ok(ChangeEmailResponse::Accepted)
    }

    async fn confirm_email(&self, body: EmailConfirmation) -> Result<ConfirmEmailResponse> {
        self.mail.confirm(body.token).await?;
        Ok(ConfirmEmailResponse::NoContent)
    }

    async fn forgot_password(&self, body: PasswordForgotten) -> Result<ForgotPasswordResponse> {
        self.mail.request_reset(body.email).await?;
        Ok(ForgotPasswordResponse::Accepted)
    }

    async fn reset_password(&self, body: PasswordReset) -> Result<ResetPasswordResponse> {
        self.mail.reset(body.token, body.password).await?;
        Ok(ResetPasswordResponse::NoContent)
    }
}
