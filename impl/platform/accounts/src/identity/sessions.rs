//! Sessions: a login begins one, refresh tokens continue it (RFC 6749, 6), and whoever sends a refresh token that was used ends it
//! (RFC 9700, 4.14.2). Access tokens name their session, so that they end with it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use contract::Problem;
use platform_admission::Sender;
use platform_store::{Error, Result, Transaction, sql};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::accounts::Accounts;
use super::authentication::Authentication;
use super::login::AccessToken;
use super::opaque_tokens::{REFRESH_TOKEN, generate, hash};
use super::principal::{Credential, Principal};
use super::tokens::issues_none;
use crate::audit::{Action, Entry};

/// Sessions of a user; a login beyond them ends the least recently used.
const MAX_SESSIONS: i32 = 100;
/// Used refresh tokens of a session that are recognized when they are used again.
const MAX_USED_TOKENS: i32 = 2_000;
/// Of a `User-Agent`, in characters.
const MAX_DEVICE_CHARS: usize = 200;

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Session {
    /// The id, `sid` in its access tokens.
    pub id: Uuid,
    /// The login.
    pub created_at: DateTime<Utc>,
    /// The last login or refresh.
    pub used_at: DateTime<Utc>,
    /// When it ends if it is not refreshed until then.
    pub expires_at: DateTime<Utc>,
    /// The `User-Agent` of the last login or refresh.
    pub device: Option<String>,
    /// The address of the last login or refresh.
    pub address: Option<String>,
}

/// Who logs in or refreshes, as the session shows it.
struct Client {
    device: Option<String>,
    address: Option<String>,
}

impl Client {
    fn current() -> Self {
        let sender = Sender::current();
        let device = sender.user_agent().map(|agent| agent.chars().take(MAX_DEVICE_CHARS).collect());
        Self { device, address: sender.address.map(|address: IpAddr| address.to_string()) }
    }
}

#[derive(FromRow)]
struct Refreshed {
    outcome: String,
    session: Uuid,
    owner: i64,
    epoch: i64,
    is_superuser: bool,
    expires_in: f64,
}

impl Accounts {
    /// Begins a session of a user who was authenticated in this way.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_session(
        &self,
        user: i64,
        epoch: i64,
        is_superuser: bool,
        how: Authentication,
    ) -> Result<AccessToken> {
        const SQL: &str = sql!(
            "SELECT d.deletion_at FROM
             begin_session($1, $2, $3, $4, $5, $6::text::inet, make_interval(secs => $7), make_interval(secs => $8), $9, $10)
             LEFT JOIN account_deletions d ON d.user_id = $2"
        );
        let (amr, methods) = (how.amr(), how.amr());
        let (session, token, client) = (Uuid::now_v7(), generate(REFRESH_TOKEN), Client::current());
        let (hash, idle, life) = (hash(REFRESH_TOKEN, &token), self.lifetimes.idle, self.lifetimes.session);
        let deletion_at = self
            .db
            .write_once(move |mut tx| async move {
                let begin = sqlx::query_scalar(SQL).bind(session).bind(user).bind(epoch).bind(hash);
                let begin = begin.bind(client.device).bind(client.address).bind(idle.as_secs_f64());
                Ok(begin.bind(life.as_secs_f64()).bind(MAX_SESSIONS).bind(methods).fetch_one(&mut *tx).await?)
            })
            .await?;
        let is_superuser = self.has_rights_of_superuser(is_superuser, &amr);
        let refresh = (token, idle.min(life).as_secs().cast_signed());
        Ok(AccessToken { deletion_at, ..self.access_token(user, epoch, is_superuser, (session, &amr), refresh)? })
    }

    /// Exchanges a refresh token for new tokens of its session. The caller's rights are the current ones.
    ///
    /// # Errors
    /// 400 `invalid_grant` when it is unknown, expired, revoked or was used before, which ends the session; `unsupported_grant_type` where
    /// tokens are only verified.
    pub async fn refresh(&self, token: &str) -> Result<AccessToken> {
        const SQL: &str = sql!(
            "SELECT outcome, session, owner, epoch, is_superuser, expires_in FROM
             refresh_session($1, $2, $3, $4::text::inet, make_interval(secs => $5), make_interval(secs => $6), $7)"
        );
        if !self.tokens.can_issue() {
            return Err(issues_none().into());
        }
        let Some(used) = hash(REFRESH_TOKEN, token) else { return Err(not_refreshed().into()) };
        let (successor, client) = (generate(REFRESH_TOKEN), Client::current());
        let (its_hash, idle, access) = (hash(REFRESH_TOKEN, &successor), self.lifetimes.idle, self.tokens.life());
        let reuse = Entry::by(None, Action::RefreshTokenReused);
        let (found, written) = self
            .db
            .write(move |mut tx| async move {
                let refresh = sqlx::query_as(SQL).bind(used).bind(its_hash).bind(client.device).bind(client.address);
                let refresh = refresh.bind(idle.as_secs_f64()).bind(access.as_secs_f64()).bind(MAX_USED_TOKENS);
                let found: Option<Refreshed> = refresh.fetch_optional(&mut *tx).await?;
                let reused = found.as_ref().filter(|found| found.outcome == "reused");
                let written = Entry::write_any(reused.map(|found| reuse.on(found.session)), &mut tx).await?;
                Ok((found, written))
            })
            .await?;
        written.tell();
        let found = found.ok_or_else(not_refreshed)?;
        Sender::identify(found.owner);
        if found.outcome == "reused" {
            self.cache.forget_token(&found.session);
            return Err(not_refreshed().into());
        }
        let Refreshed { session, owner, epoch, is_superuser, expires_in, .. } = found;
        let amr = self.amr(session).await?;
        let is_superuser = self.has_rights_of_superuser(is_superuser, &amr);
        #[expect(clippy::cast_possible_truncation, reason = "a number of seconds")]
        self.access_token(owner, epoch, is_superuser, (session, &amr), (successor, expires_in as i64))
    }

    /// How the user of a session was authenticated; nothing when it has ended meanwhile.
    async fn amr(&self, session: Uuid) -> Result<Vec<String>> {
        const SQL: &str = sql!("SELECT amr FROM sessions WHERE id = $1");
        let amr = sqlx::query_scalar(SQL).bind(session).fetch_optional(self.db.latest_reads()).await?;
        Ok(amr.unwrap_or_default())
    }

    fn access_token(
        &self,
        user: i64,
        epoch: i64,
        is_superuser: bool,
        (session, amr): (Uuid, &[String]),
        (refresh_token, refresh_expires_in): (String, i64),
    ) -> Result<AccessToken> {
        let scope = if is_superuser { "user superuser" } else { "user" };
        Ok(AccessToken {
            access_token: self.tokens.issue(user, epoch, scope, Some(session), amr)?,
            token_type: "bearer",
            expires_in: self.tokens.life().as_secs().cast_signed(),
            scope,
            refresh_token,
            refresh_expires_in,
            deletion_at: None,
        })
    }

    /// The sessions of the caller, the most recently used first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(&self, caller: &Principal) -> Result<Vec<Session>> {
        const SQL: &str = sql!(
            "SELECT s.id, s.created_at, s.used_at, s.expires_at, s.device, host(s.address) AS address
             FROM sessions s JOIN users u ON u.id = s.user_id AND u.session_epoch = s.epoch
             WHERE s.user_id = $1 AND s.expires_at > now() ORDER BY s.used_at DESC, s.id DESC LIMIT $2"
        );
        let sessions = sqlx::query_as(SQL).bind(caller.user).bind(MAX_SESSIONS);
        Ok(sessions.fetch_all(self.db.latest_reads()).await?)
    }

    /// Ends a session of the caller in every service; whether there is one with this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_session(&self, caller: &Principal, session: Uuid) -> Result<bool> {
        let ended = Entry::of(caller, Action::SessionEnded, session);
        self.end(caller.user, session, Some(ended)).await
    }

    /// Ends a session without a word in the audit log unless there is an entry for it.
    pub(super) async fn end(&self, user: i64, session: Uuid, entry: Option<Entry>) -> Result<bool> {
        const SQL: &str = sql!("SELECT end_session($1, $2, make_interval(secs => $3))");
        let access = self.tokens.life();
        let end = move |mut tx: Transaction| async move {
            let end = sqlx::query_scalar(SQL).bind(session).bind(user).bind(access.as_secs_f64());
            let ended: bool = end.fetch_one(&mut *tx).await?;
            Ok((ended, Entry::write_any(entry.filter(|_| ended), &mut tx).await?))
        };
        let (ended, written) = self.db.write(end).await?;
        written.tell();
        self.cache.forget_token(&session);
        Ok(ended)
    }

    /// Ends all sessions of the caller in every service, and with them all access tokens; with `keep_current` not this one, and not those
    /// whose session was ended to make room.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_sessions(&self, caller: &Principal, keep_current: bool) -> Result<()> {
        const SQL: &str = sql!("SELECT end_sessions($1, $2, make_interval(secs => $3))");
        let (user, access) = (caller.user, self.tokens.life());
        let current = caller.session().filter(|_| keep_current);
        let entry = Entry::of(caller, Action::SessionsEnded, caller.user);
        let end = move |mut tx: Transaction| async move {
            sqlx::query(SQL).bind(user).bind(current).bind(access.as_secs_f64()).execute(&mut *tx).await?;
            entry.write(&mut tx).await
        };
        self.db.write(end).await?.tell();
        self.cache.forget_user(user);
        Ok(())
    }

    /// Ends all sessions of the caller but this one, in a transaction with what is the reason for it;
    /// [`Accounts::user_changed`] follows its commit.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_other_sessions(&self, tx: &mut PgConnection, caller: &Principal) -> Result<()> {
        const SQL: &str = sql!("SELECT end_sessions($1, $2, make_interval(secs => $3))");
        let end = sqlx::query(SQL).bind(caller.user).bind(caller.session()).bind(self.tokens.life().as_secs_f64());
        end.execute(tx).await?;
        Ok(())
    }

    /// Revokes the token of the caller everywhere, and ends its session.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn logout(&self, caller: &Principal) -> Result<()> {
        match caller.credential {
            Credential::Password => Ok(()),
            Credential::ApiToken => self.revoke_api_token(caller, caller.token).await.map(drop),
            Credential::AccessToken(session) => {
                let is_ended = match session {
                    Some(session) => self.end(caller.user, session, None).await?,
                    None => false,
                };
                if is_ended { Ok(()) } else { self.revoke_access_token(caller).await }
            }
        }
    }

    /// An access token of no session: one of an older release, or of a session that was ended to make room.
    async fn revoke_access_token(&self, caller: &Principal) -> Result<()> {
        const SQL: &str = sql!("SELECT revoke($1, $2, to_timestamp($3))");
        let Principal { user, token, expires, .. } = *caller;
        #[expect(clippy::cast_precision_loss, reason = "seconds of this age of the universe are exact in a double")]
        let expires = expires as f64;
        self.db
            .write_once(move |mut tx| async move {
                Ok(sqlx::query(SQL).bind(token).bind(user).bind(expires).execute(&mut *tx).await?)
            })
            .await?;
        self.cache.forget_token(&token);
        Ok(())
    }

    /// Revokes a token of any kind for whoever has it (RFC 7009), with the session that it belongs to. One that is not valid needs nothing.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_token(&self, token: &str) -> Result<()> {
        const SQL: &str = sql!(
            "SELECT s.id, s.user_id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = $1"
        );
        if let Some(hash) = hash(REFRESH_TOKEN, token) {
            let found: Option<(Uuid, i64)> =
                sqlx::query_as(SQL).bind(hash).fetch_optional(self.db.latest_reads()).await?;
            return match found {
                Some((session, user)) => self.end(user, session, None).await.map(drop),
                None => Ok(()),
            };
        }
        match self.authenticate(token).await {
            Ok(caller) => self.logout(&caller).await,
            Err(Error::Problem(problem)) if problem.status().as_u16() == 401 => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn not_refreshed() -> Problem {
    Problem::bad_request("invalid_grant", "The refresh token is invalid or expired, or was used before.")
}
