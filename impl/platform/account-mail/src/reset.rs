//! Another password, for whoever has the token of a mail.

use platform::audit::{Action, Entry};
use platform::identity::caller_is_gone;
use platform::identity::users::{self, UserChange};
use platform::{Result, Transaction, sql};
use sqlx::{FromRow, PgConnection};

use crate::account_mail::AccountMail;
use crate::confirm::verified;
use crate::letters;
use crate::tokens::{Kind, VALID, hash_of, invalid, redeem};

/// What a password must not be guessed from.
#[derive(Debug, FromRow)]
struct Owner {
    email: String,
    full_name: Option<String>,
}

impl AccountMail {
    /// Sets another password. It ends every session and voids every other token that was sent before; the owner is told. Where nobody had verified
    /// the address, nothing else signs in to the account afterwards.
    ///
    /// # Errors
    /// 400 `invalid_email_token`; 422 when the password is not as the policy requires, and the token stays valid; 503 `busy`.
    pub async fn reset(&self, token: String, password: String) -> Result<()> {
        const SQL: &str = sql!(
            "SELECT u.email, u.full_name FROM email_tokens t JOIN users u ON u.id = t.user_id
             WHERE t.hash = $1 AND t.kind = 'reset' AND {VALID}",
            VALID
        );
        // Before the hash, which costs so much that nobody gets it without a token.
        let owner = sqlx::query_as(SQL).bind(hash_of(&token)).fetch_optional(self.database.latest_reads()).await?;
        let Owner { email, full_name } = owner.ok_or_else(invalid)?;
        let hashed = self.accounts.hash_password(password, &[Some(&email), full_name.as_deref()]).await?;
        let change = UserChange { hashed_password: Some(hashed), ..UserChange::default() };
        let (entry, here, mailer) = (Entry::by(None, Action::PasswordReset), self.accounts.here(), self.mailer.clone());
        let accounts = self.accounts.clone();
        let reset = move |mut tx: Transaction| async move {
            let user = redeem(&mut tx, &token, &[Kind::Reset]).await?.user_id;
            if remove_ways_in(&mut tx, user).await? {
                accounts.revoke_all(&mut tx, user).await?;
            }
            let changed = users::update(&mut tx, user, &change).await?.ok_or_else(caller_is_gone)?;
            verified(&mut tx, user).await?;
            here.is_used_by(&mut tx, user).await?;
            if let Some(mailer) = &mailer {
                letters::queue(&mut tx, mailer, &letters::PASSWORD_CHANGED, user, &changed.email, &[]).await?;
            }
            Ok((user, entry.on(user).write(&mut tx).await?))
        };
        let (user, written) = self.database.write(reset).await?;
        written.tell();
        self.accounts.user_changed(user);
        self.wake();
        Ok(())
    }
}

/// Removes passkeys and links to providers of an account whose address nobody has verified; whether it is one. Whoever signed up with the
/// address of somebody else must not stay in the account when that one takes it (pre-hijacking).
async fn remove_ways_in(db: &mut PgConnection, user: i64) -> Result<bool> {
    const SQL: &str = sql!(
        "WITH doubtful AS (SELECT id FROM users WHERE id = $1 AND email_verified_at IS NULL),
              registrations AS (DELETE FROM passkey_registrations WHERE user_id IN (SELECT id FROM doubtful)),
              keys AS (DELETE FROM passkeys WHERE user_id IN (SELECT id FROM doubtful)),
              links AS (DELETE FROM openid_identities WHERE user_id IN (SELECT id FROM doubtful))
         SELECT EXISTS (SELECT FROM doubtful)"
    );
    Ok(sqlx::query_scalar(SQL).bind(user).fetch_one(db).await?)
}
