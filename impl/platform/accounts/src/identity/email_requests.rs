//! Requests for mails about accounts. They are only written down here; the service that sends mail looks the account up later, so a
//! request costs the same whether or not there is one.

use platform_store::{Result, sql};
use sqlx::PgConnection;
use uuid::Uuid;

/// Requests that may wait. What is beyond them is rejected: anybody can make them.
const MAX_WAITING: i64 = 10_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailRequest {
    /// Mail to a user's address, to verify it.
    Verification(i64),
    /// Mail to the address that a user wants to have.
    Change(i64, String),
    /// Mail to whoever has this address, to set another password.
    Reset(String),
}

impl EmailRequest {
    /// Writes it down; `false` when too many wait.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(&self, db: &mut PgConnection) -> Result<bool> {
        const SQL: &str = sql!(
            "INSERT INTO email_requests (id, kind, user_id, epoch, email)
             SELECT $1, $2, $3, (SELECT u.session_epoch FROM users u WHERE u.id = $3), $4
             WHERE (SELECT count(*) FROM (SELECT FROM email_requests LIMIT $5) AS waiting) < $5"
        );
        let (kind, user, email) = match self {
            Self::Verification(user) => ("verify", Some(*user), None),
            Self::Change(user, email) => ("change", Some(*user), Some(email)),
            Self::Reset(email) => ("reset", None, Some(email)),
        };
        let insert = sqlx::query(SQL).bind(Uuid::now_v7()).bind(kind).bind(user).bind(email).bind(MAX_WAITING);
        Ok(insert.execute(db).await?.rows_affected() > 0)
    }
}
