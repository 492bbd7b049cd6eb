//! Signing up, logging in, and telling whom a token belongs to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use contract::{Caller, Problem};
use serde::Serialize;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::addresses::{self, Addresses, known_columns};
use super::passwords::{Passwords, Verdict};
use super::sessions::{HEARD, Sessions};
use super::text::{email_key, prepared_password};
use super::tokens::{Tokens, caller_is_gone, refused, seconds};
use super::users::{self, NewUser, User};
use crate::database::{Database, Transaction};
use crate::error::Result;
use crate::http::Sender;
use crate::jobs::Jobs;
use crate::limiter::{Account, Guard, Signups};
use crate::settings::{AuthSettings, DatabaseSettings, InvalidSettings};
use crate::shares;

/// An authenticated caller. Its rights are those of the user now, not those at login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Principal {
    user: i64,
    is_superuser: bool,
    /// The user's when the token was issued.
    epoch: i64,
    token: Uuid,
    /// Seconds since 1970.
    expires: u64,
}

impl Principal {
    /// Key of the user.
    pub fn user_id(&self) -> i64 {
        self.user
    }

    /// Whether the user may do everything.
    pub fn is_superuser(&self) -> bool {
        self.is_superuser
    }

    /// How long the token is still good.
    pub fn remaining(&self) -> Duration {
        Duration::from_secs(self.expires.saturating_sub(seconds()))
    }

    /// Id (`jti`) of the token.
    pub fn token_id(&self) -> Uuid {
        self.token
    }
}

/// Which of these callers would be let in again with the rights they have; for what goes on longer than a request.
///
/// # Errors
/// Those of the database.
pub async fn still_welcome(db: &Database, callers: &[Principal]) -> Result<HashSet<Principal>> {
    const SQL: &str = "
        SELECT c.place FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::uuid[]) WITH ORDINALITY
            AS c (id, epoch, is_superuser, jti, place)
        JOIN users u ON u.id = c.id AND u.is_active AND u.session_epoch = c.epoch
            AND (u.is_superuser OR NOT c.is_superuser)
        WHERE NOT EXISTS (SELECT FROM revoked_tokens r WHERE r.jti = c.jti)";
    let places: Vec<i64> = sqlx::query_scalar(SQL)
        .bind(callers.iter().map(|caller| caller.user).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.epoch).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.is_superuser).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.token).collect::<Vec<_>>())
        .fetch_all(db.reads())
        .await?;
    // Places are counted from 1.
    let caller = |place: i64| callers.get(usize::try_from(place).ok()?.checked_sub(1)?).copied();
    Ok(places.into_iter().filter_map(caller).filter(|caller| !caller.remaining().is_zero()).collect())
}

impl Caller for Principal {
    fn has_scope(&self, scope: &str) -> bool {
        match scope {
            "user" => true,
            "superuser" => self.is_superuser,
            _ => false,
        }
    }
}

/// The answer to a login (RFC 6749, 5.1).
#[derive(Debug, Clone, Serialize)]
pub struct AccessToken {
    /// The token.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// Its life in seconds.
    pub expires_in: i64,
    /// The scopes granted, separated by spaces.
    pub scope: &'static str,
}

/// The accounts of all services. Clones share everything.
#[derive(Clone)]
pub struct Accounts {
    db: Database,
    tokens: Arc<Tokens>,
    passwords: Passwords,
    sessions: Arc<Sessions>,
    addresses: Arc<Addresses>,
    password_min_length: usize,
    without_demo: bool,
    jobs: Jobs,
}

/// The accounts of migrations/demo.sql and their passwords, which everybody knows.
const DEMO: [(&str, &str); 2] = [("admin@example.com", "admin"), ("user@example.com", "user")];

impl Accounts {
    /// Starts listening for changes of users in the background; ends when the last clone is dropped. Must be called
    /// inside a runtime.
    ///
    /// # Errors
    /// When the settings hold no valid connection URL or argon2 parameters.
    pub fn start(
        db: Database,
        database: &DatabaseSettings,
        settings: &AuthSettings,
        role: &str,
    ) -> Result<Self, InvalidSettings> {
        let sessions = Arc::new(Sessions::default());
        let options = database.connect_options()?.application_name(&format!("{role}-sessions"));
        let jobs = Jobs::default();
        tokio::spawn(Arc::clone(&sessions).listen(options, jobs.job("sessions", HEARD)));
        Ok(Self {
            db,
            tokens: Arc::new(Tokens::new(settings)),
            passwords: Passwords::new(settings)?,
            sessions,
            addresses: Arc::new(Addresses::new(settings.signing_key())),
            password_min_length: settings.password_min_length as usize,
            without_demo: false,
            jobs,
        })
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The same, with the published passwords of the demo accounts good for nothing, whatever the database holds: it may have
    /// been filled by a development, and nobody have migrated it since.
    #[must_use]
    pub fn without_demo(self) -> Self {
        Self { without_demo: true, ..self }
    }

    /// Whom an access token belongs to, one statement at most.
    ///
    /// # Errors
    /// 401 `invalid_token` when the token is bad or revoked, its user deleted or deactivated, or the password changed
    /// since.
    pub async fn authenticate(&self, token: &str) -> Result<Principal> {
        const SQL: &str = "
            SELECT u.is_superuser FROM users u
            WHERE u.id = $1 AND u.is_active AND u.session_epoch = $2
              AND NOT EXISTS (SELECT FROM revoked_tokens r WHERE r.jti = $3)";
        if let Some(known) = self.sessions.get(token) {
            Sender::identify(known.user);
            return Ok(known);
        }
        let claims = self.tokens.verify(token)?;
        let user: i64 = claims.sub.parse().map_err(|_| refused("its subject is not a user id"))?;
        shares::identify(user);
        let ticket = self.sessions.ticket();
        let is_superuser = sqlx::query_scalar(SQL)
            .bind(user)
            .bind(claims.epoch)
            .bind(claims.jti)
            .fetch_optional(self.db.reads())
            .await?
            .ok_or_else(|| refused("its user is gone or its session has ended"))?;
        let principal = Principal { user, is_superuser, epoch: claims.epoch, token: claims.jti, expires: claims.exp };
        self.sessions.remember(token, principal, ticket);
        Sender::identify(user);
        Ok(principal)
    }

    /// Exchanges e-mail and password for a token. Which account an e-mail names is told by its [key](email_key); should
    /// several have it, the exact spelling wins.
    ///
    /// # Errors
    /// 400 `invalid_grant`, the same and as slow for an unknown e-mail, a wrong password and an inactive account
    /// (RFC 6749, 5.2). 429 `rate_limited` as the guard says; 503 `busy` when too many log in at once.
    pub async fn login(&self, guard: Guard<'_>, email: &str, password: String) -> Result<AccessToken> {
        const SQL: &str = concat!(
            "SELECT u.id, password_hash_of(u.id) AS hashed_password, u.is_active, u.is_superuser, u.session_epoch, ",
            known_columns!(),
            " FROM users u WHERE u.login_key = $1 ORDER BY u.email = $2 DESC, u.id LIMIT 1"
        );
        let key = email_key(email);
        users::fill_email_keys(&self.db).await?;
        let found: Option<Credentials> =
            sqlx::query_as(SQL).bind(&key).bind(email).fetch_optional(self.db.reads()).await?;
        let published = |(known, its): &(&str, &str)| *known == key && *its == password;
        let found = found.filter(|_| !self.without_demo || !DEMO.iter().any(published));
        // Nobody's e-mails are counted by their key, which is what they would be found by.
        let account = match &found {
            Some(user) => self.account(user.id, &user.known),
            None => Account { name: format!("nobody {key}"), is_used_from_here: false },
        };
        let user = guard.attempt(&self.db, &account, self.check(found, password)).await?;
        Sender::identify(user.id);
        let scope = if user.is_superuser { "user superuser" } else { "user" };
        Ok(AccessToken {
            access_token: self.tokens.issue(user.id, user.session_epoch, scope)?,
            token_type: "bearer",
            expires_in: self.tokens.life().as_secs().cast_signed(),
            scope,
        })
    }

    /// An attempt to log in.
    async fn check(&self, found: Option<Credentials>, password: String) -> Result<Credentials> {
        let stored = found.as_ref().map(|user| user.hashed_password.clone());
        let verdict = self.passwords.verify(password, stored).await?;
        match (found, verdict) {
            (Some(user), Verdict::Right) if user.is_active => {
                self.remember_address(&user).await;
                Ok(user)
            }
            (Some(user), Verdict::Outdated(hash)) if user.is_active => {
                self.replace_hash(user.id, user.hashed_password.clone(), hash).await;
                self.remember_address(&user).await;
                Ok(user)
            }
            _ => Err(Problem::bad_request("invalid_grant", "The e-mail or the password is wrong.").into()),
        }
    }

    /// A user's account, for whoever makes the request that is being worked on.
    fn account(&self, user: i64, known: &[Vec<u8>]) -> Account {
        Account { name: format!("user {user}"), is_used_from_here: known.contains(&self.addresses.here(user)) }
    }

    /// Remembers where somebody logs in from, unless that was done today.
    async fn remember_address(&self, user: &Credentials) {
        let (id, here) = (user.id, self.addresses.here(user.id));
        let mut known = user.known.iter().zip(&user.fresh);
        if known.any(|(address, is_fresh)| *address == here && *is_fresh) {
            return;
        }
        let remembered =
            self.db.write_once(move |mut tx| async move { addresses::remember(&mut tx, id, &here).await }).await;
        // The login is good whether or not this works; the next one tries again.
        if let Err(error) = remembered {
            tracing::warn!(user = id, %error, "where a user logs in from could not be remembered");
        }
    }

    /// Replaces the hash of an older kind that was just verified, unless the password was changed meanwhile.
    async fn replace_hash(&self, user: i64, old: String, new: String) {
        const SQL: &str = "SELECT replace_password_hash($1, $2, $3)";
        let replaced = self.db.write_once(move |mut tx| async move {
            Ok(sqlx::query(SQL).bind(user).bind(old).bind(new).execute(&mut *tx).await?)
        });
        // The login is good whether or not this works; the next one tries again.
        if let Err(error) = replaced.await {
            tracing::warn!(user, %error, "a password hash of an older kind could not be replaced");
        }
    }

    /// Opens an account for anybody who asks: active, never a superuser.
    ///
    /// # Errors
    /// 409 `email_taken`; 422 when the password is shorter than the settings demand; 429 `too_many_signups`; 503 `busy`.
    pub async fn sign_up(
        &self,
        signups: Signups<'_>,
        email: String,
        password: String,
        full_name: Option<String>,
    ) -> Result<User> {
        let here = self.here();
        let open = async {
            let hashed_password = self.hash_password(password).await?;
            let user = NewUser { email, hashed_password, full_name, is_active: true, is_superuser: false };
            let insert = move |mut tx: Transaction| async move {
                let user = users::insert(&mut tx, &user).await?;
                here.is_used_by(&mut tx, user.id).await?;
                Ok(user)
            };
            self.db.write(insert).await
        };
        signups.open(&self.db, open).await
    }

    /// The hash to store for a new password.
    ///
    /// # Errors
    /// 422 when it is shorter than the settings demand; 503 `busy`.
    pub async fn hash_password(&self, password: String) -> Result<String> {
        let password = prepared_password(&password);
        if password.chars().count() < self.password_min_length {
            return Err(too_short(self.password_min_length).into());
        }
        self.passwords.hash(password).await
    }

    /// Makes sure that this is the caller's password.
    ///
    /// # Errors
    /// 403 `wrong_password`; 429 `rate_limited` as the guard says; 503 `busy` when too many passwords are being checked.
    pub async fn prove(&self, guard: Guard<'_>, caller: &Principal, password: String) -> Result<()> {
        const SQL: &str = concat!(
            "SELECT password_hash_of(u.id) AS hashed_password, ",
            known_columns!(),
            " FROM users u WHERE u.id = $1"
        );
        let found: Option<Stored> = sqlx::query_as(SQL).bind(caller.user).fetch_optional(self.db.reads()).await?;
        let Some(Stored { hashed_password, known }) = found else { return Err(caller_is_gone().into()) };
        let attempt = async {
            match self.passwords.verify(password, Some(hashed_password)).await? {
                Verdict::Wrong => {
                    Err(Problem::forbidden("wrong_password", "The current password is another one.").into())
                }
                Verdict::Right | Verdict::Outdated(_) => Ok(()),
            }
        };
        guard.attempt(&self.db, &self.account(caller.user, &known), attempt).await
    }

    /// The caller's own account, as it is now.
    ///
    /// # Errors
    /// 401 when it was deleted since the caller was authenticated.
    pub async fn current_user(&self, caller: &Principal) -> Result<User> {
        let user = users::find(self.db.reads(), caller.user_id()).await?;
        Ok(user.ok_or_else(|| refused("its user is gone"))?)
    }

    /// Revokes the caller's token everywhere.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn logout(&self, caller: &Principal) -> Result<()> {
        // Sweeps more than it leaves of what has expired on its own; the notification leaves with the commit of this one statement.
        const SQL: &str = "
            WITH swept AS (
                DELETE FROM revoked_tokens WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM revoked_tokens WHERE expires_at < now() - interval '1 hour'
                    ORDER BY expires_at LIMIT 100))
            ), revoked AS (
                INSERT INTO revoked_tokens (jti, user_id, expires_at)
                SELECT $1, id, to_timestamp($3) FROM users WHERE id = $2
                ON CONFLICT (jti) DO NOTHING
            )
            SELECT pg_notify('token_revoked', $1::text)";
        let Principal { user, token, expires, .. } = *caller;
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age of the universe are exact in a double")]
        let expires = expires as f64;
        self.db
            .write_once(move |mut tx| async move {
                Ok(sqlx::query(SQL).bind(token).bind(user).bind(expires).execute(&mut *tx).await?)
            })
            .await?;
        self.sessions.forget_token(&token);
        Ok(())
    }

    /// Where the request that is being worked on comes from.
    pub fn here(&self) -> Here {
        Here { addresses: Arc::clone(&self.addresses), sender: Sender::current() }
    }

    /// Forgets what this process remembers of a user; to be called after a transaction that changed one. Other
    /// processes are told by the database, and so is this one, a moment later.
    pub fn user_changed(&self, user: i64) {
        self.sessions.forget_user(user);
    }
}

/// Where a request comes from, for its transaction to remember.
#[derive(Clone)]
pub struct Here {
    addresses: Arc<Addresses>,
    sender: Sender,
}

impl Here {
    /// Whoever owns the account was here: from here it can be used whatever others do.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_used_by(&self, tx: &mut PgConnection, user: i64) -> Result<()> {
        addresses::remember(tx, user, &self.addresses.of(&self.sender, user)).await
    }
}

#[derive(FromRow)]
struct Credentials {
    id: i64,
    hashed_password: String,
    is_active: bool,
    is_superuser: bool,
    session_epoch: i64,
    known: Vec<Vec<u8>>,
    fresh: Vec<bool>,
}

#[derive(FromRow)]
struct Stored {
    hashed_password: String,
    known: Vec<Vec<u8>>,
}

fn too_short(least: usize) -> Problem {
    Problem::validation(vec![contract::FieldError::body(
        "too_short",
        "#/password",
        format!("Must have at least {least} characters."),
    )])
}
