//! Accounts that their users want to be deleted: until then they can sign in, and do little else.

use contract::{Operation, Problem};
use platform_store::{Result, sql};
use sqlx::PgConnection;

use super::accounts::Accounts;
use super::principal::Principal;

/// The operations that stay allowed: to find out, to take the data along, and to stay.
pub const WHILE_LEAVING: [&str; 6] = [
    "get_me",
    "logout",
    "export_personal_data",
    "get_account_deletion",
    "schedule_account_deletion",
    "cancel_account_deletion",
];

/// Rejects what a caller may not do whose account is to be deleted.
pub(crate) fn check(operation: &Operation, caller: Option<&Principal>) -> Result<(), Problem> {
    if caller.is_some_and(Principal::is_leaving) && !WHILE_LEAVING.contains(&operation.id) {
        let detail = "The account is to be deleted: cancel that first.";
        return Err(Problem::forbidden("account_deletion_scheduled", detail));
    }
    Ok(())
}

impl Accounts {
    /// Ends every session of a user and revokes the API tokens, in a transaction; call [`Accounts::user_changed`] when it is committed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_all(&self, tx: &mut PgConnection, user: i64) -> Result<()> {
        const SESSIONS: &str = sql!("SELECT end_sessions($1, NULL, make_interval(secs => $2))");
        const API_TOKENS: &str = sql!(
            "WITH gone AS (DELETE FROM api_tokens WHERE user_id = $1 RETURNING id, user_id, expires_at)
             SELECT count(revoke(id, user_id, expires_at)) FROM gone"
        );
        sqlx::query(SESSIONS).bind(user).bind(self.tokens.life().as_secs_f64()).execute(&mut *tx).await?;
        sqlx::query(API_TOKENS).bind(user).execute(tx).await?;
        Ok(())
    }
}
