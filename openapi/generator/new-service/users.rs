//! Handlers of logins and of the caller's account.

use @crate@_api::apis::login::{
    LOGIN_ACCESS_TOKEN, Login, LoginAccessTokenResponse, LogoutResponse, RevokeTokenResponse, SIGNUP, SignupResponse,
};
use @crate@_api::apis::users::{GetMeResponse, Users};
use @crate@_api::models::{LoginForm, RevocationForm, Signup};
use platform::Result;
use platform::identity::Principal;

use crate::@Service@Service;

impl Login for @Service@Service {
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
}

impl Users for @Service@Service {
    async fn get_me(&self, caller: Principal) -> Result<GetMeResponse> {
        Ok(GetMeResponse::Ok(self.access.current_user(&caller).await?))
    }
}
