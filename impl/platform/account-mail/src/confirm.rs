//! Whoever has the token of a mail reads its mailbox: the address is verified, or becomes that of the account.

use platform::audit::{Action, Entry, Written};
use platform::identity::caller_is_gone;
use platform::identity::users::{self, UserChange};
use platform::{Result, Transaction, sql};
use sqlx::PgConnection;

use crate::account_mail::AccountMail;
use crate::letters;
use crate::tokens::{Kind, Redeemed, redeem};

impl AccountMail {
    /// Verifies an address, or carries out a change, as the token says. A change ends every session, and the old address is told.
    ///
    /// # Errors
    /// 400 `invalid_email_token`; 409 `email_taken` when another account got the address since the mail was sent.
    pub async fn confirm(&self, token: String) -> Result<()> {
        let (entry, mailer) = (Entry::by(None, Action::EmailChanged), self.mailer.clone());
        let confirm = move |mut tx: Transaction| async move {
            let redeemed = redeem(&mut tx, &token, &[Kind::Verify, Kind::Change]).await?;
            let Redeemed { user_id, kind, email, current } = redeemed;
            if kind != "change" {
                verified(&mut tx, user_id).await?;
                return Ok((user_id, Written::default()));
            }
            let change = UserChange { email: Some(email.clone()), ..UserChange::default() };
            users::update(&mut tx, user_id, &change).await?.ok_or_else(caller_is_gone)?;
            verified(&mut tx, user_id).await?;
            if let Some(mailer) = &mailer {
                let values = [("email", &*email)];
                letters::queue(&mut tx, mailer, &letters::EMAIL_CHANGED, user_id, &current, &values).await?;
            }
            Ok((user_id, entry.on(user_id).write(&mut tx).await?))
        };
        let (user, written) = self.database.write(confirm).await?;
        written.tell();
        self.accounts.user_changed(user);
        self.wake();
        Ok(())
    }
}

/// Notes that a user has proved to receive mail at the address of the account.
///
/// # Errors
/// Those of the database.
pub(crate) async fn verified(db: &mut PgConnection, user: i64) -> Result<()> {
    const SQL: &str = sql!("UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1");
    sqlx::query(SQL).bind(user).execute(db).await?;
    Ok(())
}
