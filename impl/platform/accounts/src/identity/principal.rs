//! The user and token of an authenticated request.

use std::collections::HashSet;
use std::time::Duration;

use contract::{Caller, Problem};
use platform_store::{Database, Result, sql};
use uuid::Uuid;

use super::tokens::seconds;

/// An authenticated caller. Its rights are the current ones of the user, not those at login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Principal {
    pub(super) user: i64,
    pub(super) is_superuser: bool,
    /// Whether the account is to be deleted.
    pub(super) is_leaving: bool,
    /// The user's session epoch when the token was issued.
    pub(super) epoch: i64,
    pub(super) token: Uuid,
    pub(super) credential: Credential,
    /// Seconds since 1970.
    pub(super) expires: u64,
}

/// How a caller was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    /// A password in the request itself.
    Password,
    /// An access token, and its session; tokens of older releases have none.
    AccessToken(Option<Uuid>),
    /// An API token.
    ApiToken,
}

impl Principal {
    /// The id of the user.
    pub fn user_id(&self) -> i64 {
        self.user
    }

    /// Whether the user may do everything.
    pub fn is_superuser(&self) -> bool {
        self.is_superuser
    }

    /// Whether the user's account is to be deleted, so that little can be done with it.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// The remaining lifetime of the token.
    pub fn remaining(&self) -> Duration {
        Duration::from_secs(self.expires.saturating_sub(seconds()))
    }

    /// The session of the access token, if it has one.
    pub fn session(&self) -> Option<Uuid> {
        match self.credential {
            Credential::AccessToken(session) => session,
            Credential::Password | Credential::ApiToken => None,
        }
    }

    /// Checks that the caller has logged in, rather than sent an API token.
    ///
    /// # Errors
    /// 403 `session_required`.
    pub fn must_have_logged_in(&self) -> Result<()> {
        match self.credential {
            Credential::AccessToken(_) => Ok(()),
            Credential::Password | Credential::ApiToken => {
                Err(Problem::forbidden("session_required", "Log in: an API token is not enough.").into())
            }
        }
    }

    /// Id of the token: `jti` of an access token.
    pub fn token_id(&self) -> Uuid {
        self.token
    }
}

/// The callers whose tokens are still valid with at least the same rights; for work that outlives a request.
///
/// # Errors
/// Those of the database.
pub async fn still_welcome(db: &Database, callers: &[Principal]) -> Result<HashSet<Principal>> {
    const SQL: &str = sql!(
        "SELECT c.place FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::uuid[], $5::uuid[]) WITH ORDINALITY
            AS c (id, epoch, is_superuser, jti, sid, place)
        JOIN users u ON u.id = c.id AND u.is_active AND u.session_epoch = c.epoch
            AND (u.is_superuser OR NOT c.is_superuser)
        WHERE NOT EXISTS (SELECT FROM revoked_tokens r WHERE r.jti IN (c.jti, c.sid))"
    );
    let places: Vec<i64> = sqlx::query_scalar(SQL)
        .bind(callers.iter().map(|caller| caller.user).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.epoch).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.is_superuser).collect::<Vec<_>>())
        .bind(callers.iter().map(|caller| caller.token).collect::<Vec<_>>())
        .bind(callers.iter().map(Principal::session).collect::<Vec<_>>())
        .fetch_all(db.latest_reads())
        .await?;
    // Positions are counted from 1.
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
