//! Which second factors a user has.

use platform_store::{Database, Result, sql};
use sqlx::FromRow;

use crate::SecondFactors;

/// The second factors of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct State {
    /// Whether a login takes a one-time code.
    pub has_totp: bool,
    /// Unused recovery codes.
    pub recovery_codes: i64,
    /// Passkeys.
    pub passkeys: i64,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
}

impl SecondFactors {
    /// The second factors of a user; `None` when there is none with this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn state(&self, db: &Database, user: i64) -> Result<Option<State>> {
        const SQL: &str = sql!(
            "SELECT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS has_totp,
                (SELECT count(*) FROM recovery_codes c WHERE c.user_id = u.id) AS recovery_codes,
                (SELECT count(*) FROM passkeys p WHERE p.user_id = u.id) AS passkeys, u.is_superuser
             FROM users u WHERE u.id = $1"
        );
        Ok(sqlx::query_as(SQL).bind(user).fetch_optional(db.latest_reads()).await?)
    }
}
