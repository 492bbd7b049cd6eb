//! Accounts of users at OpenID Connect providers: which user each belongs to. An e-mail address never decides that: whoever gets the address, or
//! had it in an account here first, would get the other account, too.

use chrono::{DateTime, Utc};
use contract::{Problem, StorageQuota};
use platform_accounts::audit::{Action, Entry};
use platform_accounts::identity::{AccessToken, Accounts, Authentication, HashedPassword, NewUser, Principal, users};
use platform_admission::Sender;
use platform_rate_limits::Signups;
use platform_store::{Database, Error, OnConstraint as _, Result, Transaction, sql};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::identity::Identity;

/// An account at a provider, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LinkedIdentity {
    /// The id.
    pub id: Uuid,
    /// The issuer identifier of the provider.
    pub issuer: String,
    /// The e-mail address there, at the last sign-in.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// The last sign-in with it.
    pub used_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Linked {
    id: Uuid,
    user_id: i64,
    is_active: bool,
    is_superuser: bool,
    session_epoch: i64,
}

/// The table of them.
#[derive(Debug, Clone)]
pub(crate) struct Links(pub(crate) Database);

impl Links {
    /// Begins a session of the user whose identity at a provider this is. The first time it creates an account without a password, if
    /// `may_sign_up`.
    ///
    /// # Errors
    /// 400 `openid_login_rejected` when the user is not active; 403 `openid_signup_disabled`, or `openid_email_unverified` when the provider does
    /// not say that the e-mail is the user's; 409 `openid_email_taken` when an account has it; 429 `too_many_signups`.
    pub(crate) async fn log_in(
        &self,
        accounts: &Accounts,
        signups: Signups<'_>,
        identity: Identity,
        may_sign_up: bool,
    ) -> Result<AccessToken> {
        let linked = match self.linked(accounts, &identity).await? {
            Some(linked) => linked,
            None => match self.sign_up(accounts, signups, &identity, may_sign_up).await {
                // The same user, twice at once: the other request was first.
                Err(error) => self.linked(accounts, &identity).await?.ok_or(error)?,
                Ok(()) => self.linked(accounts, &identity).await?.ok_or_else(not_active)?,
            },
        };
        if !linked.is_active {
            return Err(not_active().into());
        }
        Sender::identify(linked.user_id);
        self.remember_login(&linked, identity.email).await?;
        accounts
            .begin_session(linked.user_id, linked.session_epoch, linked.is_superuser, Authentication::Provider)
            .await
    }

    async fn linked(&self, accounts: &Accounts, identity: &Identity) -> Result<Option<Linked>> {
        const SQL: &str = sql!(
            "SELECT i.id, i.user_id, u.is_active AND (u.email_verified_at IS NOT NULL OR NOT $3) AS is_active, u.is_superuser,
                u.session_epoch
             FROM openid_identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2"
        );
        let find =
            sqlx::query_as(SQL).bind(&identity.issuer).bind(&identity.subject).bind(accounts.needs_verified_email());
        Ok(find.fetch_optional(self.0.latest_reads()).await?)
    }

    async fn sign_up(
        &self,
        accounts: &Accounts,
        signups: Signups<'_>,
        identity: &Identity,
        may_sign_up: bool,
    ) -> Result<()> {
        const VERIFIED: &str = sql!("UPDATE users SET email_verified_at = now() WHERE id = $1");
        let email = identity.email.clone().filter(|_| identity.is_email_verified).ok_or_else(|| {
            let detail = "There is no account for this sign-in, and the provider has not verified an e-mail address.";
            Problem::forbidden("openid_email_unverified", detail)
        })?;
        if !may_sign_up {
            let detail = "There is no account for this sign-in; ask the operator for one, sign in and link it.";
            return Err(Problem::forbidden("openid_signup_disabled", detail).into());
        }
        let (here, identity) = (accounts.here(), identity.clone());
        let (hashed_password, full_name) = (HashedPassword::none(), identity.full_name.clone());
        let user = NewUser { email, hashed_password, full_name, is_active: true, is_superuser: false };
        let open = move |mut tx: Transaction| async move {
            let user = users::insert(&mut tx, &user).await.map_err(taken_here)?;
            sqlx::query(VERIFIED).bind(user.id).execute(&mut *tx).await?;
            here.is_used_by(&mut tx, user.id).await?;
            let id = insert(&mut tx, user.id, &identity).await?;
            Entry::by(Some(user.id), Action::OpenIdLinked).on(id).write(&mut tx).await
        };
        signups.open(&self.0, self.0.write(open)).await?.tell();
        Ok(())
    }

    async fn remember_login(&self, linked: &Linked, email: Option<String>) -> Result<()> {
        const SQL: &str =
            sql!("UPDATE openid_identities SET used_at = now(), email = coalesce($2, email) WHERE id = $1");
        let (id, entry) = (linked.id, Entry::by(Some(linked.user_id), Action::OpenIdLogin).on(linked.id));
        let remember = move |mut tx: Transaction| async move {
            sqlx::query(SQL).bind(id).bind(email).execute(&mut *tx).await?;
            entry.write(&mut tx).await
        };
        self.0.write(remember).await?.tell();
        Ok(())
    }

    /// Links an identity to the caller's account; one that is linked to it already stays so.
    ///
    /// # Errors
    /// 409 `openid_identity_taken` when it is linked to another account; that of the quota.
    pub(crate) async fn link(
        &self,
        caller: &Principal,
        quota: &'static StorageQuota,
        identity: Identity,
    ) -> Result<()> {
        const OWNER: &str = sql!("SELECT user_id FROM openid_identities WHERE issuer = $1 AND subject = $2");
        const COUNT: &str = sql!("SELECT count(*) FROM openid_identities WHERE user_id = $1");
        let (user, entry) = (caller.user_id(), Entry::by(Some(caller.user_id()), Action::OpenIdLinked));
        let link = move |mut tx: Transaction| async move {
            lock(&mut tx, user).await?;
            let owner = sqlx::query_scalar(OWNER).bind(&identity.issuer).bind(&identity.subject);
            let owner: Option<i64> = owner.fetch_optional(&mut *tx).await?;
            match owner {
                Some(owner) if owner == user => return Entry::write_any(None, &mut tx).await,
                Some(_) => return Err(identity_taken().into()),
                None => {}
            }
            let count: i64 = sqlx::query_scalar(COUNT).bind(user).fetch_one(&mut *tx).await?;
            if count >= quota.amount {
                return Err(quota.exceeded().into());
            }
            let id = insert(&mut tx, user, &identity).await?;
            entry.on(id).write(&mut tx).await
        };
        self.0.write(link).await?.tell();
        Ok(())
    }

    /// The identities of the caller, in the order in which they were linked.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn of(&self, caller: &Principal) -> Result<Vec<LinkedIdentity>> {
        const SQL: &str = sql!(
            "SELECT id, issuer, email, created_at, used_at FROM openid_identities
             WHERE user_id = $1 ORDER BY created_at, id"
        );
        Ok(sqlx::query_as(SQL).bind(caller.user_id()).fetch_all(self.0.latest_reads()).await?)
    }

    /// Unlinks an identity of the caller's; whether there is one with this id.
    ///
    /// # Errors
    /// 409 `openid_identity_required` when the caller could not sign in any more.
    pub(crate) async fn unlink(&self, caller: &Principal, id: Uuid) -> Result<bool> {
        const DELETE: &str = sql!("DELETE FROM openid_identities WHERE id = $1 AND user_id = $2");
        const LOCKED_OUT: &str =
            sql!("SELECT password_hash_of($1) = $2 AND NOT EXISTS (SELECT FROM openid_identities WHERE user_id = $1)");
        let (user, entry) = (caller.user_id(), Entry::of(caller, Action::OpenIdUnlinked, id));
        let unlink = move |mut tx: Transaction| async move {
            lock(&mut tx, user).await?;
            let is_gone = sqlx::query(DELETE).bind(id).bind(user).execute(&mut *tx).await?.rows_affected() > 0;
            let is_locked_out: Option<bool> =
                sqlx::query_scalar(LOCKED_OUT).bind(user).bind(HashedPassword::none()).fetch_one(&mut *tx).await?;
            if is_gone && is_locked_out == Some(true) {
                return Err(identity_required().into());
            }
            Ok((is_gone, Entry::write_any(is_gone.then_some(entry), &mut tx).await?))
        };
        let (is_gone, written) = self.0.write(unlink).await?;
        written.tell();
        Ok(is_gone)
    }
}

/// What is done to the identities of a user is done one after the other.
async fn lock(tx: &mut PgConnection, user: i64) -> Result<()> {
    const SQL: &str = sql!("SELECT pg_advisory_xact_lock(hashtextextended('openid_identities ' || $1::text, 0))");
    sqlx::query(SQL).bind(user).execute(tx).await?;
    Ok(())
}

async fn insert(tx: &mut PgConnection, user: i64, identity: &Identity) -> Result<Uuid> {
    const SQL: &str =
        sql!("INSERT INTO openid_identities (id, user_id, issuer, subject, email) VALUES ($1, $2, $3, $4, $5)");
    let (id, Identity { issuer, subject, email, .. }) = (Uuid::now_v7(), identity);
    let insert = sqlx::query(SQL).bind(id).bind(user).bind(issuer).bind(subject).bind(email).execute(tx).await;
    insert.on_constraint("openid_identities_issuer_subject_key", identity_taken)?;
    Ok(id)
}

/// That there is an account must be said in other words to who cannot choose another e-mail.
fn taken_here(error: Error) -> Error {
    match error {
        Error::Problem(problem) if problem.code() == "email_taken" => {
            let detail = "An account has the e-mail address of this sign-in. Sign in to it, then link the provider.";
            Problem::conflict("openid_email_taken", detail).into()
        }
        error => error,
    }
}

fn identity_taken() -> Problem {
    Problem::conflict("openid_identity_taken", "This account at the provider is linked to another user.")
}

fn identity_required() -> Problem {
    let detail = "The account has no password, so the last link to a provider stays.";
    Problem::conflict("openid_identity_required", detail)
}

/// The same as for a code that is not valid: as at a login, deactivated users are not told.
fn not_active() -> Problem {
    let detail = "The provider did not accept the code, or its response is not valid; sign in again.";
    Problem::bad_request("openid_login_rejected", detail)
}
