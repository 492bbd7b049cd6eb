//! One-time codes: each is valid for its time step and the one before and after, and once.

use std::time::{SystemTime, UNIX_EPOCH};

use contract::{Problem, Quota};
use platform_store::{Database, Error, Result, sql};
use sqlx::{FromRow, PgConnection};
use totp_rs::{Algorithm, Builder};
use uuid::Uuid;

use crate::{SecondFactors, recovery_codes};

/// Of a secret: the length of a SHA-1 hash, as RFC 4226 (4, R6) recommends.
const SECRET_BYTES: usize = 20;
/// Digits of a code.
const DIGITS: u8 = 6;
/// The time step, in seconds (RFC 6238, 5.2).
const STEP_SECONDS: u64 = 30;
/// Steps by which a client's clock may differ, to either side.
const SKEW_STEPS: u16 = 1;
/// Codes that may be tried one after the other (RFC 4226, 7.3): more than people mistype.
const FREE_ATTEMPTS: u32 = 10;
/// The delay of the next attempt, in seconds, which doubles with each ...
const FIRST_DELAY_SECONDS: u32 = 30;
/// ... up to this: 24 guesses a day, each with a chance of three in a million. Recovery codes are not delayed.
const LAST_DELAY_SECONDS: u32 = 3_600;
/// In the header fields of a delayed attempt.
const RATE_LIMIT_CLASS: &str = "second-factor";

/// A secret that its user has yet to confirm. It is never printed.
pub struct Enrolment {
    /// In Base32, to be typed.
    pub secret: String,
    /// The same as an `otpauth` URL, to be shown as a QR code.
    pub url: String,
}

/// A code that is right. It has to be [spent](Proof::spend), which only one of several at once can do.
#[derive(Clone)]
pub struct Proof(Kind);

#[derive(Clone)]
enum Kind {
    /// The secret, the time step, and the secret encrypted with the current key, if it is encrypted with an older one.
    Totp(Uuid, i64, Option<Vec<u8>>),
    /// The hash of a recovery code.
    Recovery(Vec<u8>),
}

#[derive(FromRow)]
struct Attempt {
    id: Uuid,
    secret: Option<Vec<u8>>,
    is_confirmed: bool,
    wait_seconds: f64,
}

impl SecondFactors {
    /// Gives a user a new secret, in place of one that was not confirmed. Must run in a transaction, with the name under which apps show it.
    ///
    /// # Errors
    /// 409 `totp_enabled` when the user has a secret that is confirmed.
    pub async fn begin_totp(&self, tx: &mut PgConnection, user: i64, name: &str) -> Result<Enrolment> {
        const SQL: &str = sql!(
            "INSERT INTO totp_secrets (user_id, id, secret) SELECT u.id, $2, $3 FROM users u WHERE u.id = $1
             ON CONFLICT ON CONSTRAINT totp_secrets_pkey DO UPDATE SET id = $2, secret = $3, created_at = now(),
                last_step = 0, attempts = 0, attempted_at = now()
             WHERE totp_secrets.confirmed_at IS NULL"
        );
        let secret: [u8; SECRET_BYTES] = rand::random();
        // A label is the issuer, a colon, and the name, which has none (Key Uri Format of Google Authenticator).
        let label = builder(&secret).with_account_name(name.replace(':', "_")).with_issuer(Some(self.issuer.as_str()));
        let totp = label.build().map_err(Error::internal)?;
        let url = totp.to_url().map_err(Error::internal)?;
        let sealed = self.keys.seal(user, &secret)?;
        let begin = sqlx::query(SQL).bind(user).bind(Uuid::now_v7()).bind(sealed).execute(tx).await?;
        match begin.rows_affected() {
            0 => Err(enabled().into()),
            _ => Ok(Enrolment { secret: totp.secret().to_base32(), url }),
        }
    }

    /// Checks the first code of a new secret.
    ///
    /// # Errors
    /// 403 `wrong_code`; 409 `totp_enabled` when it is confirmed, `totp_not_enabled` when there is none; 429 `rate_limited` after too many codes.
    pub async fn check_first(&self, db: &Database, user: i64, code: &str) -> Result<Proof> {
        let code = canonical(code).ok_or_else(wrong_code)?;
        let attempt = attempt(db, user, false).await?.ok_or_else(not_enabled)?;
        if attempt.is_confirmed {
            return Err(enabled().into());
        }
        self.right(user, attempt, &code)?.ok_or_else(|| wrong_code().into())
    }

    /// Checks a code of a user, or a recovery code; `None` when it is malformed, wrong, or the user has no one-time codes.
    ///
    /// # Errors
    /// 429 `rate_limited` after too many codes.
    pub async fn check(&self, db: &Database, user: i64, code: &str) -> Result<Option<Proof>> {
        if let Some(hash) = recovery_codes::hash(code) {
            return Ok(Some(Proof(Kind::Recovery(hash))));
        }
        // What cannot be right is no attempt.
        let Some(code) = canonical(code) else { return Ok(None) };
        match attempt(db, user, true).await? {
            Some(attempt) if attempt.is_confirmed => self.right(user, attempt, &code),
            _ => Ok(None),
        }
    }

    /// Checks a code that confirms what a signed-in user does.
    ///
    /// # Errors
    /// 403 `wrong_code`; 409 `totp_not_enabled` when the user has no one-time codes; 429 `rate_limited` after too many codes.
    pub async fn confirm(&self, db: &Database, user: i64, code: &str) -> Result<Proof> {
        if !self.has_totp(db, user).await? {
            return Err(not_enabled().into());
        }
        self.check(db, user, code).await?.ok_or_else(|| wrong_code().into())
    }

    async fn has_totp(&self, db: &Database, user: i64) -> Result<bool> {
        const SQL: &str =
            sql!("SELECT EXISTS (SELECT FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NOT NULL)");
        Ok(sqlx::query_scalar(SQL).bind(user).fetch_one(db.latest_reads()).await?)
    }

    fn right(&self, user: i64, attempt: Attempt, code: &str) -> Result<Option<Proof>> {
        let Some(sealed) = attempt.secret else { return Err(too_many(attempt.wait_seconds).into()) };
        let Some(opened) = self.keys.open(user, &sealed) else {
            // What its user can do is to use a recovery code.
            tracing::error!(enduser.id = user, "no key of SECRET_KEY decrypts the secret of one-time codes");
            return Ok(None);
        };
        let again = if opened.is_current { None } else { Some(self.keys.seal(user, &opened.text)?) };
        let totp = builder(&opened.text).build().map_err(Error::internal)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let step = totp.check(code, now).and_then(|step| i64::try_from(step).ok());
        Ok(step.map(|step| Proof(Kind::Totp(attempt.id, step, again))))
    }
}

impl Proof {
    /// Whether it is a recovery code.
    pub fn is_recovery_code(&self) -> bool {
        matches!(self.0, Kind::Recovery(_))
    }

    /// Uses the code, in the transaction of what it is for; false when it was used before, or the user has no such recovery code.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn spend(&self, tx: &mut PgConnection, user: i64) -> Result<bool> {
        const SQL: &str = sql!(
            "UPDATE totp_secrets SET last_step = $3, attempts = 0
             WHERE user_id = $1 AND id = $2 AND last_step < $3 AND confirmed_at IS NOT NULL"
        );
        const ENCRYPT: &str = sql!("UPDATE totp_secrets SET secret = $3 WHERE user_id = $1 AND id = $2");
        let (id, step, again) = match &self.0 {
            Kind::Recovery(hash) => return recovery_codes::spend(tx, user, hash).await,
            Kind::Totp(id, step, again) => (id, step, again),
        };
        let spent = sqlx::query(SQL).bind(user).bind(id).bind(step).execute(&mut *tx).await?.rows_affected() == 1;
        if let Some(again) = again.as_ref().filter(|_| spent) {
            sqlx::query(ENCRYPT).bind(user).bind(id).bind(again).execute(tx).await?;
        }
        Ok(spent)
    }

    /// The same where a code that was used before is the error response.
    ///
    /// # Errors
    /// 403 `wrong_code`.
    pub async fn must_be_spent(&self, tx: &mut PgConnection, user: i64) -> Result<()> {
        if self.spend(tx, user).await? { Ok(()) } else { Err(wrong_code().into()) }
    }

    /// Confirms a new secret with its first code, and returns the recovery codes of the user. Must run in a transaction.
    ///
    /// # Errors
    /// 403 `wrong_code` when the secret was replaced or confirmed meanwhile.
    pub async fn enable(&self, tx: &mut PgConnection, user: i64) -> Result<Vec<String>> {
        const SQL: &str = sql!(
            "UPDATE totp_secrets SET confirmed_at = now(), last_step = $3, attempts = 0
             WHERE user_id = $1 AND id = $2 AND confirmed_at IS NULL"
        );
        let Kind::Totp(id, step, _) = &self.0 else { return Err(wrong_code().into()) };
        let enabled = sqlx::query(SQL).bind(user).bind(id).bind(step).execute(&mut *tx).await?;
        match enabled.rows_affected() {
            1 => recovery_codes::replace(tx, user).await,
            _ => Err(wrong_code().into()),
        }
    }

    /// Uses the code for new recovery codes, in place of all that the user has. Must run in a transaction.
    ///
    /// # Errors
    /// 403 `wrong_code`.
    pub async fn replace_recovery_codes(&self, tx: &mut PgConnection, user: i64) -> Result<Vec<String>> {
        self.must_be_spent(tx, user).await?;
        recovery_codes::replace(tx, user).await
    }

    /// Uses the code to end the use of codes. Must run in a transaction.
    ///
    /// # Errors
    /// 403 `wrong_code`.
    pub async fn disable(&self, tx: &mut PgConnection, user: i64) -> Result<()> {
        self.must_be_spent(tx, user).await?;
        sqlx::query(sql!("DELETE FROM totp_secrets WHERE user_id = $1")).bind(user).execute(&mut *tx).await?;
        recovery_codes::delete(tx, user).await
    }
}

/// A code without blanks, as apps show it; `None` when it is none.
fn canonical(typed: &str) -> Option<String> {
    let code: String = typed.chars().filter(|char| *char != ' ').collect();
    (code.len() == usize::from(DIGITS) && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW_STEPS)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret.to_vec())
}

/// Counts an attempt at the codes of a user, if they are as wanted.
async fn attempt(db: &Database, user: i64, is_confirmed: bool) -> Result<Option<Attempt>> {
    const SQL: &str = sql!(
        "SELECT id, secret, is_confirmed, wait_seconds
         FROM totp_attempt($1, $2, $3, make_interval(secs => $4), make_interval(secs => $5))"
    );
    let query = sqlx::query_as(SQL).bind(user).bind(is_confirmed).bind(FREE_ATTEMPTS.cast_signed());
    let query = query.bind(f64::from(FIRST_DELAY_SECONDS)).bind(f64::from(LAST_DELAY_SECONDS));
    db.write_once(move |mut tx| async move { Ok(query.fetch_optional(&mut *tx).await?) }).await
}

fn too_many(wait_seconds: f64) -> Problem {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of at most an hour")]
    let reset_seconds = wait_seconds.ceil().max(1.0) as u32;
    let (amount, window_seconds) = (FREE_ATTEMPTS, LAST_DELAY_SECONDS);
    Problem::rate_limited(&[Quota { class: RATE_LIMIT_CLASS, amount, window_seconds, remaining: 0, reset_seconds }])
}

fn wrong_code() -> Problem {
    Problem::forbidden("wrong_code", "The code is incorrect, expired, or was used before.")
}

fn enabled() -> Problem {
    Problem::conflict("totp_enabled", "One-time codes are enabled already.")
}

fn not_enabled() -> Problem {
    Problem::conflict("totp_not_enabled", "One-time codes are not enabled.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, with the six last digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = builder(b"12345678901234567890").build().expect("a secret");
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.check(code, time), Some(time / STEP_SECONDS));
            assert_eq!(totp.check(code, time + STEP_SECONDS), Some(time / STEP_SECONDS), "the step before");
            assert_eq!(totp.check(code, time - STEP_SECONDS), Some(time / STEP_SECONDS), "the step after");
            assert_eq!(totp.check(code, time + 2 * STEP_SECONDS), None);
        }
        assert_eq!(canonical("287 082").as_deref(), Some("287082"));
        for wrong in ["", "28708", "2870822", "+87082", "28708x", "２８７０８２"] {
            assert_eq!((canonical(wrong), totp.check(wrong, 59)), (None, None), "{wrong}");
        }
    }
}
