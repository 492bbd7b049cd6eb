//! Handlers of logins and of one's own account.

use @crate@_api::apis::login::{
    LOGIN_ACCESS_TOKEN, Login, LoginAccessTokenResponse, LogoutResponse, SIGNUP, SignupResponse,
};
use @crate@_api::apis::users::{GetMeResponse, Users};
use @crate@_api::models::{LoginForm, Signup};
use platform::Result;
use platform::identity::Principal;

use crate::@Service@Service;

impl Login for @Service@Service {
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
}

impl Users for @Service@Service {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        let user = self.accounts.current_user(&caller).await?;
        Ok(GetMeResponse::Ok(user.into()))
    }
}
