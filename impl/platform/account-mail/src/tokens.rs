//! Tokens in mails: issued, and valid once.

use std::time::Duration;

use contract::Problem;
use platform::identity::email_key;
use platform::identity::opaque_tokens::{EMAIL_TOKEN, generate, hash};
use platform::{Result, sql};
use sqlx::{FromRow, PgConnection};

/// How long a token is valid: OWASP, "Forgot Password Cheat Sheet".
pub(crate) const LIFE: Duration = Duration::from_secs(30 * 60);
/// Tokens of a kind that are sent to one address within an hour, whoever asks: mailboxes of strangers must not be filled.
const MAX_PER_HOUR: i64 = 5;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Verify,
    Change,
    Reset,
    /// Nothing: of a notice to the owner of an address, which is counted like the others.
    Taken,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Change => "change",
            Self::Reset => "reset",
            Self::Taken => "taken",
        }
    }
}

/// Issues a token for a user, which is sent to an address; `None` when too many were. It is in the mail, and nowhere else.
///
/// # Errors
/// Those of the database.
pub(crate) async fn issue(
    db: &mut PgConnection,
    kind: Kind,
    user: i64,
    epoch: i64,
    email: &str,
) -> Result<Option<String>> {
    // Counted under a lock of the address, so that two processes at once cannot exceed the limit.
    const LOCK: &str = sql!("SELECT pg_advisory_xact_lock(hashtextextended('email_tokens ' || $1, 0))");
    const SQL: &str = sql!(
        "INSERT INTO email_tokens (hash, user_id, kind, email, recipient_key, epoch, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
         WHERE (SELECT count(*) FROM email_tokens t
                WHERE t.recipient_key = $5 AND t.kind = $3 AND t.created_at > now() - interval '1 hour') < $8"
    );
    let (token, key) = (generate(EMAIL_TOKEN), email_key(email));
    sqlx::query(LOCK).bind(&key).execute(&mut *db).await?;
    let insert = sqlx::query(SQL).bind(hash(EMAIL_TOKEN, &token)).bind(user).bind(kind.name()).bind(email).bind(key);
    let insert = insert.bind(epoch).bind(LIFE.as_secs_f64()).bind(MAX_PER_HOUR);
    Ok((insert.execute(db).await?.rows_affected() > 0).then_some(token))
}

/// The condition under which a token `t` of a user `u` is valid. What proves an address is void when the account has another one.
pub(crate) const VALID: &str = "t.used_at IS NULL AND t.expires_at > now() AND u.is_active
    AND (t.kind = 'verify' OR t.epoch = u.session_epoch) AND (t.kind = 'change' OR t.email = u.email)";

/// A token that was used just now.
#[derive(Debug, FromRow)]
pub(crate) struct Redeemed {
    pub(crate) user_id: i64,
    pub(crate) kind: String,
    /// The address that it was sent to.
    pub(crate) email: String,
    /// The e-mail of the account.
    pub(crate) current: String,
}

/// Uses a token of these kinds, and locks its user. Whatever is wrong with it costs the same.
///
/// # Errors
/// 400 `invalid_email_token`.
pub(crate) async fn redeem(db: &mut PgConnection, token: &str, kinds: &[Kind]) -> Result<Redeemed> {
    // First, as everybody does who changes a user: then what follows sees what was committed until now.
    const LOCK: &str =
        sql!("SELECT u.id FROM email_tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1 FOR UPDATE OF u");
    const SQL: &str = sql!(
        "UPDATE email_tokens t SET used_at = now() FROM users u
         WHERE t.hash = $1 AND t.kind = ANY ($2) AND u.id = t.user_id AND {VALID}
         RETURNING t.user_id, t.kind, t.email, u.email AS current",
        VALID
    );
    let hash = hash_of(token);
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    sqlx::query(LOCK).bind(&hash).execute(&mut *db).await?;
    let redeemed: Option<Redeemed> = sqlx::query_as(SQL).bind(hash).bind(kinds).fetch_optional(db).await?;
    Ok(redeemed.ok_or_else(invalid)?)
}

/// The hash of a token. What is none has one that no token has, and is looked up as well.
pub(crate) fn hash_of(token: &str) -> Vec<u8> {
    hash(EMAIL_TOKEN, token).unwrap_or_default()
}

/// The response to every token that is not valid.
pub(crate) fn invalid() -> Problem {
    let detail = "The token is invalid or expired, or was used before; request another mail.";
    Problem::bad_request("invalid_email_token", detail)
}
