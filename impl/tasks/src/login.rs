//! Handlers of signing up, in and out.

use platform::Result;
use platform::identity::Principal;
use tasks_api::apis::login::{
    LOGIN_ACCESS_TOKEN, Login, LoginAccessTokenResponse, LogoutResponse, SIGNUP, SignupResponse, TestTokenResponse,
};
use tasks_api::models::{LoginForm, Signup};

use crate::TasksService;

impl Login for TasksService {
    async fn login_access_token(&self, body: LoginForm) -> Result<LoginAccessTokenResponse> {
        let guard = self.limiter.guard(&LOGIN_ACCESS_TOKEN);
        let token = self.accounts.login(guard, &body.username, body.password).await?;
        Ok(LoginAccessTokenResponse::Ok(token.into()))
    }

    async fn signup(&self, body: Signup) -> Result<SignupResponse> {
        let signups = self.limiter.signups(&SIGNUP);
        let user = self.accounts.sign_up(signups, body.email, body.password, body.full_name.flatten()).await?;
        Ok(SignupResponse::Ok(user.into()))
    }

    async fn logout(&self, caller: Principal) -> Result<LogoutResponse> {
        self.accounts.logout(&caller).await?;
        Ok(LogoutResponse::NoContent)
    }

    async fn test_token(&self, caller: Principal) -> Result<TestTokenResponse> {
        Ok(TestTokenResponse::Ok(self.accounts.current_user(&caller).await?.into()))
    }
}
