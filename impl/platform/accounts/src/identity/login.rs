//! Login and reauthentication with a password.

use std::fmt;

use chrono::{DateTime, Utc};
use contract::Problem;
use platform_admission::Sender;
use platform_rate_limits::{Account, Guard};
use platform_store::{Result, Transaction, sql};
use sqlx::FromRow;
use uuid::Uuid;

use super::accounts::Accounts;
use super::addresses::{self, KNOWN};
use super::authentication::{Authentication, Beside};
use super::email_requests::EmailRequest;
use super::passwords::{HashedPassword, Verdict};
use super::principal::{Credential, Principal};
use super::text::email_key;
use super::tokens::{caller_is_gone, issues_none, seconds};
use super::users;

/// The response to a login (RFC 6749, 5.1). Its tokens are never printed.
#[derive(Clone)]
pub struct AccessToken {
    /// The token.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// The granted scopes, separated by spaces.
    pub scope: &'static str,
    /// Valid once, for new tokens of the same session.
    pub refresh_token: String,
    /// Its lifetime in seconds.
    pub refresh_expires_in: i64,
    /// At a login: when the account will be deleted, if it will.
    pub deletion_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = to.debug_struct("AccessToken");
        shown.field("expires_in", &self.expires_in).field("scope", &self.scope).finish_non_exhaustive()
    }
}

const NOT_VERIFIED: &str = "The e-mail address is not verified yet: follow the link in the mail that was sent to it.";

/// The accounts of migrations/demo.sql and their published passwords.
const DEMO_ACCOUNTS: [(&str, &str); 2] = [("admin@example.com", "admin"), ("user@example.com", "user")];

impl Accounts {
    /// Exchanges e-mail and password for the tokens of a new session: [`Accounts::login_with_code`] without a code.
    ///
    /// # Errors
    /// Those of [`Accounts::login_with_code`].
    pub async fn login(&self, guard: Guard<'_>, email: &str, password: String) -> Result<AccessToken> {
        self.login_with_code(guard, email, password, None).await
    }

    /// Exchanges e-mail, password and, of users who have them, a one-time code for the tokens of a new session. The account is found by the [key](email_key) of the e-mail; should several
    /// have the same key, the exact spelling wins.
    ///
    /// # Errors
    /// 400 `invalid_grant`, with the same timing for an unknown e-mail, a wrong password and an inactive account
    /// (RFC 6749, 5.2), and for a wrong code; after the right password `second_factor_required` when the code is missing, and `email_not_verified` where that is required;
    /// `unsupported_grant_type` where tokens are only verified. 429 `rate_limited` as the guard decides; 503
    /// `busy` when too many logins are in progress.
    pub async fn login_with_code(
        &self,
        guard: Guard<'_>,
        email: &str,
        password: String,
        code: Option<&str>,
    ) -> Result<AccessToken> {
        self.must_issue_tokens()?;
        let (user, how) = self.user_by_password(guard, email, password, Beside::Code(code)).await?;
        self.begin_session(user.id, user.session_epoch, user.is_superuser, how).await
    }

    /// Checks that this process issues tokens, before a login does anything.
    ///
    /// # Errors
    /// 400 `unsupported_grant_type` where they are only verified.
    pub fn must_issue_tokens(&self) -> Result<()> {
        if self.tokens.can_issue() { Ok(()) } else { Err(issues_none().into()) }
    }

    /// Whether nobody signs in to an account whose address is not verified.
    pub fn needs_verified_email(&self) -> bool {
        self.verified_only
    }

    /// Whether the caller's account has a password, by which its owner can [prove](Accounts::prove) to be it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_password(&self, caller: &Principal) -> Result<bool> {
        const SQL: &str = sql!("SELECT coalesce(password_hash_of($1) <> $2, false)");
        let ask = sqlx::query_scalar(SQL).bind(caller.user).bind(HashedPassword::none());
        Ok(ask.fetch_one(self.db.latest_reads()).await?)
    }

    /// The caller of one request by e-mail and password, without a token. Accounts with one-time codes are rejected: a code is valid once.
    ///
    /// # Errors
    /// Those of [`Accounts::login`], of which a token is none.
    pub(crate) async fn authenticate_by_password(
        &self,
        guard: Guard<'_>,
        email: &str,
        password: String,
    ) -> Result<Principal> {
        let (found, how) = self.user_by_password(guard, email, password, Beside::Nothing).await?;
        let is_superuser = self.has_rights_of_superuser(found.is_superuser, &how.amr());
        let expires = seconds() + self.tokens.life().as_secs();
        let (user, epoch, is_leaving) = (found.id, found.session_epoch, found.is_leaving);
        let (token, credential) = (Uuid::now_v7(), Credential::Password);
        Ok(Principal { user, is_superuser, is_leaving, epoch, token, credential, expires })
    }

    async fn user_by_password(
        &self,
        guard: Guard<'_>,
        email: &str,
        password: String,
        beside: Beside<'_>,
    ) -> Result<(Credentials, Authentication)> {
        const SQL: &str = sql!(
            "SELECT u.id, password_hash_of(u.id) AS hashed_password, u.is_active, u.is_superuser, u.session_epoch,
                EXISTS (SELECT FROM account_deletions d WHERE d.user_id = u.id) AS is_leaving,
                u.email_verified_at IS NOT NULL AS is_verified,
                EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS has_totp, {KNOWN}
             FROM users u WHERE u.login_key = $1 ORDER BY u.email = $2 DESC, u.id LIMIT 1",
            KNOWN
        );
        let key = email_key(email);
        users::fill_email_keys(&self.db).await?;
        let found: Option<Credentials> =
            sqlx::query_as(SQL).bind(&key).bind(email).fetch_optional(self.db.latest_reads()).await?;
        let published = |(known, its): &(&str, &str)| *known == key && *its == password;
        let found = found.filter(|_| !self.without_demo || !DEMO_ACCOUNTS.iter().any(published));
        // Attempts at unknown e-mails are counted by the key of the e-mail, which is what accounts are found by.
        let account = match &found {
            Some(user) => self.account(user.id, &user.known),
            None => Account { name: format!("nobody {key}"), is_used_from_here: false },
        };
        let checked = guard.attempt(&self.db, &account, self.check(found, password, beside)).await?;
        let (user, how) = checked.ok_or_else(code_required)?;
        Sender::identify(user.id);
        if self.verified_only && !user.is_verified {
            self.ask_for_verification(user.id).await;
            return Err(Problem::bad_request("email_not_verified", NOT_VERIFIED).into());
        }
        Ok((user, how))
    }

    /// Has another mail sent to a user who cannot log in without having got it.
    async fn ask_for_verification(&self, user: i64) {
        let ask = move |mut tx: Transaction| async move { EmailRequest::Verification(user).write(&mut tx).await };
        // The next login asks again.
        if let Err(error) = self.db.write_once(ask).await {
            tracing::warn!(enduser.id = user, %error, "request for a verification mail not stored");
        }
    }

    /// Checks the password of a login attempt, and the code; `None` when only the code is missing, which is no failure.
    async fn check(
        &self,
        found: Option<Credentials>,
        password: String,
        beside: Beside<'_>,
    ) -> Result<Option<(Credentials, Authentication)>> {
        let stored = found.as_ref().map(|user| user.hashed_password.clone());
        let verdict = self.passwords.verify(password, stored).await?;
        let found = found.filter(|user| user.is_active && verdict != Verdict::Wrong);
        let user = found.ok_or_else(incorrect)?;
        if let Verdict::Outdated(hash) = verdict {
            self.replace_hash(user.id, user.hashed_password.clone(), hash).await;
        }
        let how = match beside {
            _ if !user.has_totp => Authentication::Password,
            Beside::Code(None) => return Ok(None),
            Beside::Code(Some(code)) if self.use_code(user.id, code).await? => Authentication::PasswordAndCode,
            Beside::Code(Some(_)) | Beside::Nothing => return Err(incorrect().into()),
        };
        self.remember_address(&user).await;
        Ok(Some((user, how)))
    }

    /// A user's account as the subject of the current request's attempt.
    fn account(&self, user: i64, known: &[Vec<u8>]) -> Account {
        Account { name: format!("user {user}"), is_used_from_here: self.addresses.is_here(known, user) }
    }

    /// Stores the address of a login, unless that was done today.
    async fn remember_address(&self, user: &Credentials) {
        let (id, here) = (user.id, self.addresses.here(user.id));
        let mut known = user.known.iter().zip(&user.fresh);
        if known.any(|(address, is_fresh)| *address == here && *is_fresh) {
            return;
        }
        let remembered =
            self.db.write_once(move |mut tx| async move { addresses::remember(&mut tx, id, &here).await }).await;
        // The login is valid whether or not this works; the next one tries again.
        if let Err(error) = remembered {
            tracing::warn!(enduser.id = id, %error, "storing known login address failed");
        }
    }

    /// Replaces the outdated hash that was just verified, unless the password was changed meanwhile.
    async fn replace_hash(&self, user: i64, old: String, new: HashedPassword) {
        const SQL: &str = sql!("SELECT replace_password_hash($1, $2, $3)");
        let replaced = self.db.write_once(move |mut tx| async move {
            Ok(sqlx::query(SQL).bind(user).bind(old).bind(new).execute(&mut *tx).await?)
        });
        // The login is valid whether or not this works; the next one tries again.
        if let Err(error) = replaced.await {
            tracing::warn!(enduser.id = user, %error, "upgrading password hash failed");
        }
    }

    /// Verifies the caller's password.
    ///
    /// # Errors
    /// 403 `wrong_password`; 429 `rate_limited` as the guard decides; 503 `busy` when too many passwords are being verified.
    pub async fn prove(&self, guard: Guard<'_>, caller: &Principal, password: String) -> Result<()> {
        const SQL: &str =
            sql!("SELECT password_hash_of(u.id) AS hashed_password, {KNOWN} FROM users u WHERE u.id = $1", KNOWN);
        let found: Option<Stored> =
            sqlx::query_as(SQL).bind(caller.user).fetch_optional(self.db.latest_reads()).await?;
        let Some(Stored { hashed_password, known }) = found else { return Err(caller_is_gone().into()) };
        let attempt = async {
            match self.passwords.verify(password, Some(hashed_password)).await? {
                Verdict::Wrong => {
                    Err(Problem::forbidden("wrong_password", "The current password is incorrect.").into())
                }
                Verdict::Right | Verdict::Outdated(_) => Ok(()),
            }
        };
        guard.attempt(&self.db, &self.account(caller.user, &known), attempt).await
    }
}

fn incorrect() -> Problem {
    Problem::bad_request("invalid_grant", "Incorrect e-mail, password or code.")
}

fn code_required() -> Problem {
    Problem::bad_request("second_factor_required", "Send a one-time code or a recovery code as well, as otp.")
}

#[derive(FromRow)]
struct Credentials {
    id: i64,
    hashed_password: String,
    is_active: bool,
    is_superuser: bool,
    session_epoch: i64,
    is_leaving: bool,
    is_verified: bool,
    known: Vec<Vec<u8>>,
    fresh: Vec<bool>,
    has_totp: bool,
}

#[derive(FromRow)]
struct Stored {
    hashed_password: String,
    known: Vec<Vec<u8>>,
}
