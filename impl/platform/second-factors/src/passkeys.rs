//! Passkeys: credentials of WebAuthn (Level 3) with which users sign in without password and code. Authenticators keep them for the user
//! (discoverable) and verify the user by themselves, so that a passkey is something one has and something one is or knows.

mod login;
mod registration;
mod relying_party;

use chrono::{DateTime, Utc};
use contract::Problem;
use platform_store::{Database, Error, Result, sql};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

pub use login::PasskeyUser;
pub use registration::{Registered, Registrant};
pub(crate) use relying_party::RelyingParty;

use crate::SecondFactors;

/// How long a challenge is valid, in seconds; authenticators are told the same.
const CHALLENGE_SECONDS: f64 = 300.0;
/// Of a user handle: what WebAuthn recommends (14.6.1), so that it tells nothing of the user.
const HANDLE_BYTES: usize = 64;

/// A passkey as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Passkey {
    /// The id.
    pub id: Uuid,
    /// What the owner calls it.
    pub name: String,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The last sign-in with it.
    pub used_at: Option<DateTime<Utc>>,
}

/// What a browser is asked to do, in the JSON of WebAuthn: the challenge, and everything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// In base64url.
    pub challenge: String,
    /// The other fields.
    pub others: Map<String, Value>,
}

impl Options {
    fn of(state: &impl Serialize) -> Result<Self> {
        let mut others: Map<String, Value> =
            serde_json::to_value(state).and_then(serde_json::from_value).map_err(Error::internal)?;
        match others.remove("challenge") {
            Some(Value::String(challenge)) => Ok(Self { challenge, others }),
            _ => Err(Error::internal("options without a challenge")),
        }
    }
}

/// Columns of [`Passkey`].
const SHOWN: &str = "id, name, created_at, used_at";

impl SecondFactors {
    /// The passkeys of a user, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn passkeys(&self, db: &Database, user: i64) -> Result<Vec<Passkey>> {
        const SQL: &str =
            sql!("SELECT {SHOWN} FROM passkeys WHERE user_id = $1 ORDER BY created_at DESC, id DESC", SHOWN);
        Ok(sqlx::query_as(SQL).bind(user).fetch_all(db.latest_reads()).await?)
    }

    /// Deletes a passkey of a user; whether there is one with this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete_passkey(&self, tx: &mut PgConnection, user: i64, id: Uuid) -> Result<bool> {
        const SQL: &str = sql!("DELETE FROM passkeys WHERE user_id = $1 AND id = $2");
        Ok(sqlx::query(SQL).bind(user).bind(id).execute(tx).await?.rows_affected() == 1)
    }
}

/// The error response to every credential that is not accepted; the reason is only in the log.
fn rejected(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    let detail =
        "The passkey is not valid: it is unknown or does not match the challenge, or the challenge has expired.";
    Problem::bad_request("passkey_rejected", detail).with_cause(why)
}
