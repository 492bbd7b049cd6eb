//! What becomes of a request: a token and a mail, several, or nothing.

use platform::identity::{email_key, users};
use platform::{Result, Transaction, sql};
use platform_mail::Mailer;
use sqlx::{FromRow, PgConnection};

use crate::account_mail::AccountMail;
use crate::letters::{self, Letter};
use crate::requests::{Request, take};
use crate::tokens::{Kind, issue};

/// The page of the frontend that confirms an address.
const CONFIRM_PAGE: &str = "confirm-email";
/// The page of the frontend that sets another password.
const RESET_PAGE: &str = "reset-password";

/// An account that may get mail.
#[derive(Debug, FromRow)]
struct Account {
    id: i64,
    email: String,
    session_epoch: i64,
    is_verified: bool,
}

impl AccountMail {
    /// Does what a request asks for, once.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn compose(&self, request: Request) -> Result<()> {
        let Some(mailer) = self.mailer.clone() else { return Ok(()) };
        if request.kind == "reset" {
            users::fill_email_keys(&self.database).await?;
        }
        let compose = move |mut tx: Transaction| async move {
            if !take(&mut tx, request.id).await? {
                return Ok(());
            }
            match (&*request.kind, request.user_id, &request.email) {
                ("verify", Some(user), None) => verify(&mut tx, &mailer, user).await,
                ("change", Some(user), Some(email)) => change(&mut tx, &mailer, user, request.epoch, email).await,
                ("reset", None, Some(email)) => reset(&mut tx, &mailer, email).await,
                // The table has no others.
                _ => Ok(()),
            }
        };
        self.database.write(compose).await?;
        self.wake();
        Ok(())
    }
}

async fn verify(db: &mut PgConnection, mailer: &Mailer, user: i64) -> Result<()> {
    let Some(account) = by_id(db, user).await?.filter(|account| !account.is_verified) else { return Ok(()) };
    let (epoch, email) = (account.session_epoch, &account.email);
    send(db, mailer, Kind::Verify, &letters::VERIFY, user, epoch, email, CONFIRM_PAGE).await
}

async fn change(db: &mut PgConnection, mailer: &Mailer, user: i64, epoch: Option<i64>, email: &str) -> Result<()> {
    const VOID: &str =
        sql!("UPDATE email_tokens SET used_at = now() WHERE user_id = $1 AND kind = 'change' AND used_at IS NULL");
    // Another password since then voids what was asked for with the old one.
    let account = by_id(db, user).await?.filter(|account| Some(account.session_epoch) == epoch);
    let Some(account) = account.filter(|account| account.email != email) else { return Ok(()) };
    // Who mistyped the new address corrects it by asking again.
    sqlx::query(VOID).bind(user).execute(&mut *db).await?;
    match by_email(db, email, Some(user)).await? {
        None => {
            let epoch = account.session_epoch;
            send(db, mailer, Kind::Change, &letters::CHANGE, user, epoch, email, CONFIRM_PAGE).await?;
        }
        Some(owner) => match issue(db, Kind::Taken, owner.id, owner.session_epoch, &owner.email).await? {
            Some(_) => letters::queue(db, mailer, &letters::TAKEN, owner.id, &owner.email, &[]).await?,
            None => mailer.limited(),
        },
    }
    letters::queue(db, mailer, &letters::CHANGE_REQUESTED, user, &account.email, &[("email", email)]).await
}

async fn reset(db: &mut PgConnection, mailer: &Mailer, email: &str) -> Result<()> {
    let Some(Account { id, email, session_epoch, .. }) = by_email(db, email, None).await? else { return Ok(()) };
    send(db, mailer, Kind::Reset, &letters::RESET, id, session_epoch, &email, RESET_PAGE).await
}

/// Issues a token, and queues the mail with it.
#[expect(clippy::too_many_arguments, reason = "they are all of the mail")]
async fn send(
    db: &mut PgConnection,
    mailer: &Mailer,
    kind: Kind,
    letter: &Letter,
    user: i64,
    epoch: i64,
    to: &str,
    page: &str,
) -> Result<()> {
    let Some(token) = issue(db, kind, user, epoch, to).await? else {
        mailer.limited();
        return Ok(());
    };
    let link = mailer.link(page, &token);
    letters::queue(db, mailer, letter, user, to, &[("link", &link), ("token", &token)]).await
}

async fn by_id(db: &mut PgConnection, id: i64) -> Result<Option<Account>> {
    const SQL: &str = sql!(
        "SELECT id, email, session_epoch, email_verified_at IS NOT NULL AS is_verified
         FROM users WHERE id = $1 AND is_active"
    );
    Ok(sqlx::query_as(SQL).bind(id).fetch_optional(db).await?)
}

/// The account with an e-mail in any spelling, active or not; should several have the same key, the exact spelling wins.
async fn by_email(db: &mut PgConnection, email: &str, but: Option<i64>) -> Result<Option<Account>> {
    const SQL: &str = sql!(
        "SELECT id, email, session_epoch, email_verified_at IS NOT NULL AS is_verified
         FROM users WHERE login_key = $1 AND id IS DISTINCT FROM $3 ORDER BY email = $2 DESC, id LIMIT 1"
    );
    Ok(sqlx::query_as(SQL).bind(email_key(email)).bind(email).bind(but).fetch_optional(db).await?)
}
