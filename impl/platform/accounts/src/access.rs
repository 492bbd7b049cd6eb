//! Authentication and rate limits, which every service applies, and how accounts are created.

use common_api::models::{LoginForm, RevocationForm, Signup, Token, User};
use contract::{Api, CountedBy, Operation, Problem, Quota, RateLimit};
use platform_admission::enter;
use platform_rate_limits::Limiter;
use platform_store::{Error, Result};

use crate::identity::{Accounts, Principal, leaving};

/// What is counted of passwords that come with each request: failed attempts, together with those of logins (openapi/common.yaml).
static PASSWORDS: Operation = Operation {
    id: "basic_authentication",
    rate_limits: &[
        RateLimit {
            class: "login",
            amount: 20,
            window_seconds: 60,
            by: CountedBy::AccountAddress,
            max_delay_seconds: 0,
        },
        RateLimit {
            class: "login-account",
            amount: 100,
            window_seconds: 3600,
            by: CountedBy::Account,
            max_delay_seconds: 300,
        },
    ],
    ..Operation::NEW
};

/// Authentication and rate limits of a service. Clones share the state.
#[derive(Clone)]
pub struct Access {
    /// The accounts.
    pub accounts: Accounts,
    /// The rate limits.
    pub limiter: Limiter,
}

impl Access {
    /// Exchanges e-mail, password and perhaps a code, or a refresh token, for tokens; the limits of failed attempts are those of `operation`.
    ///
    /// # Errors
    /// Those of [`Accounts::login_with_code`] and [`Accounts::refresh`].
    pub async fn log_in(&self, operation: &'static Operation, form: LoginForm) -> Result<Token> {
        let LoginForm { username, password, refresh_token, grant_type, otp, .. } = form;
        if grant_type.as_deref() == Some("refresh_token") {
            return Ok(self.accounts.refresh(&refresh_token.unwrap_or_default()).await?.into());
        }
        // The contract has refused what its grant requires and has not.
        let (email, password) = (username.unwrap_or_default(), password.unwrap_or_default());
        // A field without a value counts as omitted (RFC 6749, 3.2).
        let code = otp.as_deref().filter(|code| !code.is_empty());
        let guard = self.limiter.guard(operation);
        Ok(self.accounts.login_with_code(guard, &email, password, code).await?.into())
    }

    /// Revokes a token of any kind, for whoever has it.
    ///
    /// # Errors
    /// Those of [`Accounts::revoke_token`].
    pub async fn revoke(&self, form: RevocationForm) -> Result<()> {
        self.accounts.revoke_token(&form.token).await
    }

    /// The caller by e-mail and password, as HTTP Basic has them in each request (RFC 7617): each is hashed, so tokens are much faster.
    /// Accounts with one-time codes are rejected.
    ///
    /// # Errors
    /// 401 `invalid_credentials`; 429 `rate_limited` after too many failures; 503 `busy`.
    pub async fn by_password(&self, email: &str, password: &str) -> Result<Principal> {
        let guard = self.limiter.guard(&PASSWORDS);
        match self.accounts.authenticate_by_password(guard, email, password.to_owned()).await {
            Err(Error::Problem(problem)) if problem.code() == "email_not_verified" => {
                Err(Problem::unauthorized("invalid_credentials", problem.detail().to_owned()).into())
            }
            Err(Error::Problem(problem)) if problem.code() == "invalid_grant" => {
                let detail = "Incorrect e-mail or password, or the account needs a code as well: log in.";
                Err(Problem::unauthorized("invalid_credentials", detail).into())
            }
            caller => caller,
        }
    }

    /// The caller of a request with several credentials.
    ///
    /// # Errors
    /// 401 `invalid_credentials` when they are of different accounts.
    pub fn joined(callers: &[Principal]) -> Result<Principal> {
        match callers {
            [first, others @ ..] if others.iter().all(|other| other.user_id() == first.user_id()) => Ok(*first),
            _ => Err(Problem::unauthorized("invalid_credentials", "The credentials are of different accounts.").into()),
        }
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
        leaving::check(operation, caller)?;
        Ok(enter(operation, caller.map(Principal::user_id))?)
    }

    async fn admit(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<Vec<Quota>> {
        self.limiter.admit(operation, caller.map(Principal::user_id)).await
    }
}
