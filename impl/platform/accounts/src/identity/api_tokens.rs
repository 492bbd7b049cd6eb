//! API tokens: for programs, valid until they expire or are revoked, with scopes that their owner chose.

use chrono::{DateTime, Utc};
use contract::StorageQuota;
use platform_admission::{Sender, identify};
use platform_store::{Result, Transaction, sql};
use sqlx::FromRow;
use uuid::Uuid;

use super::accounts::Accounts;
use super::opaque_tokens::{API_TOKEN, generate, hash};
use super::principal::{Credential, Principal};
use super::tokens::refused;
use crate::audit::{Action, Entry};

/// An API token as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ApiToken {
    /// The id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// Scopes of the documents.
    pub scopes: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// The last use, to the minute.
    pub used_at: Option<DateTime<Utc>>,
}

/// Columns of [`ApiToken`].
const SHOWN: &str = "id, name, scopes, created_at, expires_at, used_at";

#[derive(FromRow)]
struct Found {
    id: Uuid,
    user_id: i64,
    is_superuser: bool,
    session_epoch: i64,
    expires: i64,
    is_fresh: bool,
}

impl Accounts {
    /// Creates an API token of the caller's; the token itself is in the result, and nowhere else.
    ///
    /// # Errors
    /// 409 of the quota.
    pub async fn create_api_token(
        &self,
        caller: &Principal,
        quota: &'static StorageQuota,
        name: String,
        scopes: Vec<String>,
        days: i32,
    ) -> Result<(ApiToken, String)> {
        // Counted under a lock of the user, so that two at once cannot exceed the quota.
        const LOCK: &str = sql!("SELECT pg_advisory_xact_lock(hashtextextended('api_tokens ' || $1::text, 0))");
        const SQL: &str = sql!(
            "INSERT INTO api_tokens (id, user_id, hash, name, scopes, expires_at)
             SELECT $1, $2, $3, $4, $5, now() + make_interval(days => $6)
             WHERE (SELECT count(*) FROM api_tokens t WHERE t.user_id = $2) < $7
             RETURNING {SHOWN}",
            SHOWN
        );
        let (id, user, token) = (Uuid::now_v7(), caller.user, generate(API_TOKEN));
        let (hash, entry) = (hash(API_TOKEN, &token), Entry::of(caller, Action::ApiTokenCreated, id));
        let create = move |mut tx: Transaction| async move {
            sqlx::query(LOCK).bind(user).execute(&mut *tx).await?;
            let create = sqlx::query_as(SQL).bind(id).bind(user).bind(hash).bind(name).bind(scopes);
            let created: Option<ApiToken> = create.bind(days).bind(quota.amount).fetch_optional(&mut *tx).await?;
            let created = created.ok_or_else(|| quota.exceeded())?;
            Ok((created, entry.write(&mut tx).await?))
        };
        let (created, written) = self.db.write(create).await?;
        written.tell();
        Ok((created, token))
    }

    /// The API tokens of the caller, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn api_tokens(&self, caller: &Principal) -> Result<Vec<ApiToken>> {
        const SQL: &str =
            sql!("SELECT {SHOWN} FROM api_tokens WHERE user_id = $1 ORDER BY created_at DESC, id DESC", SHOWN);
        Ok(sqlx::query_as(SQL).bind(caller.user).fetch_all(self.db.latest_reads()).await?)
    }

    /// An API token of the caller's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn api_token(&self, caller: &Principal, id: Uuid) -> Result<Option<ApiToken>> {
        const SQL: &str = sql!("SELECT {SHOWN} FROM api_tokens WHERE user_id = $1 AND id = $2", SHOWN);
        Ok(sqlx::query_as(SQL).bind(caller.user).bind(id).fetch_optional(self.db.latest_reads()).await?)
    }

    /// Revokes an API token of the caller's in every service; whether there is one with this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_api_token(&self, caller: &Principal, id: Uuid) -> Result<bool> {
        const SQL: &str = sql!(
            "WITH gone AS (DELETE FROM api_tokens WHERE id = $1 AND user_id = $2 RETURNING id, user_id, expires_at)
             SELECT count(revoke(id, user_id, expires_at)) > 0 FROM gone"
        );
        let (user, entry) = (caller.user, Entry::of(caller, Action::ApiTokenRevoked, id));
        let revoke = move |mut tx: Transaction| async move {
            let revoked: bool = sqlx::query_scalar(SQL).bind(id).bind(user).fetch_one(&mut *tx).await?;
            Ok((revoked, Entry::write_any(revoked.then_some(entry), &mut tx).await?))
        };
        let (revoked, written) = self.db.write(revoke).await?;
        written.tell();
        self.cache.forget_token(&id);
        Ok(revoked)
    }

    /// The caller with an API token; `None` when the text is not one.
    pub(super) async fn authenticate_by_api_token(&self, token: &str) -> Result<Option<Principal>> {
        const SQL: &str = sql!(
            "SELECT t.id, t.user_id, u.is_superuser AND 'superuser' = ANY (t.scopes) AS is_superuser, u.session_epoch,
                extract(epoch FROM t.expires_at)::bigint AS expires,
                coalesce(t.used_at > now() - interval '1 minute', false) AS is_fresh
             FROM api_tokens t JOIN users u ON u.id = t.user_id
             WHERE t.hash = $1 AND t.expires_at > now() AND u.is_active
               AND NOT EXISTS (SELECT FROM account_deletions d WHERE d.user_id = u.id)"
        );
        let Some(hash) = hash(API_TOKEN, token) else { return Ok(None) };
        let found: Option<Found> = sqlx::query_as(SQL).bind(hash).fetch_optional(self.db.latest_reads()).await?;
        let found = found.ok_or_else(|| refused("an API token that is unknown, expired or revoked"))?;
        identify(found.user_id);
        Sender::identify(found.user_id);
        if !found.is_fresh {
            self.remember_use(found.id).await;
        }
        Ok(Some(Principal {
            user: found.user_id,
            is_superuser: found.is_superuser,
            is_leaving: false,
            epoch: found.session_epoch,
            token: found.id,
            credential: Credential::ApiToken,
            expires: found.expires.cast_unsigned(),
        }))
    }

    async fn remember_use(&self, id: Uuid) {
        const SQL: &str = sql!("UPDATE api_tokens SET used_at = date_trunc('minute', now()) WHERE id = $1");
        let used =
            self.db.write_once(move |mut tx| async move { Ok(sqlx::query(SQL).bind(id).execute(&mut *tx).await?) });
        // The token is valid whether or not this works; the next use tries again.
        if let Err(error) = used.await {
            tracing::warn!(api_token.id = %id, %error, "storing last use of API token failed");
        }
    }
}
