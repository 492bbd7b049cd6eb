//! Authentication and rate limits, which every service applies, and how accounts are created.

use common_api::models::{LoginForm, Signup, Token, User};
use contract::{Api, Operation, Quota};
use platform_admission::enter;
use platform_rate_limits::Limiter;
use platform_store::{Error, Result};

use crate::identity::{Accounts, Principal};

/// Authentication and rate limits of a service. Clones share the state.
#[derive(Clone)]
pub struct Access {
    /// The accounts.
    pub accounts: Accounts,
    /// The rate limits.
    pub limiter: Limiter,
}

impl Access {
    /// Exchanges e-mail and password for a token; the limits of failed attempts are those of `operation`.
    ///
    /// # Errors
    /// Those of [`Accounts::login`].
    pub async fn log_in(&self, operation: &'static Operation, form: LoginForm) -> Result<Token> {
        Ok(self.accounts.login(self.limiter.guard(operation), &form.username, form.password).await?.into())
    }

    /// Creates an account; no authentication is needed.
    ///
    /// # Errors
    /// Those of [`Accounts::sign_up`].
    pub async fn sign_up(&self, operation: &'static Operation, new: Signup) -> Result<User> {
        let signups = self.limiter.signups(operation);
        Ok(self.accounts.sign_up(signups, new.email, new.password, new.full_name.flatten()).await?.into())
    }

    /// The caller's own account in its current state.
    ///
    /// # Errors
    /// 401 when it was deleted after the caller was authenticated.
    pub async fn current_user(&self, caller: &Principal) -> Result<User> {
        Ok(self.accounts.current_user(caller).await?.into())
    }
}

impl Api for Access {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }

    fn enter(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<()> {
        Ok(enter(operation, caller.map(Principal::user_id))?)
    }

    async fn admit(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<Vec<Quota>> {
        self.limiter.admit(operation, caller.map(Principal::user_id)).await
    }
}
