//! Signing in with a passkey.

use platform_admission::Sender;
use platform_store::{Result, Transaction, sql};
use serde_json::Value;

use super::accounts::Accounts;
use super::authentication::Authentication;
use super::login::AccessToken;

impl Accounts {
    /// Exchanges the signature of a passkey for the tokens of a new session.
    ///
    /// # Errors
    /// 400 `passkey_rejected`, also for an inactive account, and one whose address is not verified where that is required; `unsupported_grant_type` where tokens are only verified.
    pub async fn login_with_passkey(&self, credential: &Value) -> Result<AccessToken> {
        const SQL: &str = sql!(
            "SELECT session_epoch, is_superuser FROM users
             WHERE id = $1 AND is_active AND (email_verified_at IS NOT NULL OR NOT $2)"
        );
        self.must_issue_tokens()?;
        let passkey = self.second_factors.passkey_user(&self.db, credential).await?;
        let (id, here, verified_only) = (passkey.id, self.here(), self.verified_only);
        let sign_in = move |mut tx: Transaction| async move {
            let user = sqlx::query_as(SQL).bind(passkey.id).bind(verified_only).fetch_optional(&mut *tx).await?;
            let user: (i64, bool) = user.ok_or_else(|| passkey.rejected())?;
            passkey.signed_in(&mut tx).await?;
            here.is_used_by(&mut tx, passkey.id).await?;
            Ok(user)
        };
        let (epoch, is_superuser) = self.db.write(sign_in).await?;
        Sender::identify(id);
        self.begin_session(id, epoch, is_superuser, Authentication::Passkey).await
    }
}
