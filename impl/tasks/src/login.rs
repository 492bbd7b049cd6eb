//! Handlers of sign-up, login and logout.

use platform::Result;
use platform::identity::Principal;
use tasks_api::apis::login::{
    LOGIN_ACCESS_TOKEN, Login, LoginAccessTokenResponse, LogoutResponse, RevokeTokenResponse, SIGNUP, SignupResponse,
    TestTokenResponse,
};
use tasks_api::models::{LoginForm, RevocationForm, Signup};

use crate::TasksService;

impl Login for TasksService {
    async fn login_access_token(&self, body: LoginForm) -> Result<LoginAccessTokenResponse> {
        Ok(LoginAccessTokenResponse::Ok(self.access.log_in(&LOGIN_ACCESS_TOKEN, body).await?))
    }

    async fn signup(&self, body: Signup) -> Result<SignupResponse> {
        Ok(SignupResponse::Ok(self.access.sign_up(&SIGNUP, body).await?))
    }

    async fn logout(&self, caller: Principal) -> Result<LogoutResponse> {
        self.access.accounts.logout(&caller).await?;
        Ok(LogoutResponse::NoContent)
    }

    async fn revoke_token(&self, body: RevocationForm) -> Result<RevokeTokenResponse> {
        self.access.revoke(body).await?;
        Ok(RevokeTokenResponse::Ok)
    }

    async fn test_token(&self, caller: Principal) -> Result<TestTokenResponse> {
        Ok(TestTokenResponse::Ok(self.access.current_user(&caller).await?))
    }
}
