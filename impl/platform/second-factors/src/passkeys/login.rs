//! Authentication (WebAuthn, 7.2): a challenge for whoever signs in, and the signature of a passkey.

use platform_store::{Database, Error, Result, sql};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use webauthn_rp::AuthenticatedCredential;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::TimedCeremony;
use webauthn_rp::request::auth::{
    AuthenticationVerificationOptions, DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
};
use webauthn_rp::request::register::UserHandle64;
use webauthn_rp::response::auth::DiscoverableAuthentication64;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};

use super::relying_party::AllowedOrigin;
use super::{CHALLENGE_SECONDS, Options, rejected};
use crate::SecondFactors;

/// Challenges that are valid at a time, of everybody. A further one takes the place of any.
const SLOTS: i32 = 65_536;

/// The key of a stored passkey.
type PublicKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// A user whose passkey has signed the challenge; the sign-in has to be [stored](PasskeyUser::signed_in).
#[derive(Debug, Clone)]
pub struct PasskeyUser {
    /// The user's id.
    pub id: i64,
    passkey: Uuid,
    before: Vec<u8>,
    after: Vec<u8>,
}

#[derive(FromRow)]
struct Stored {
    id: Uuid,
    user_id: i64,
    user_handle: Vec<u8>,
    static_state: Vec<u8>,
    dynamic_state: Vec<u8>,
}

impl SecondFactors {
    /// A challenge for anybody: `PublicKeyCredentialRequestOptionsJSON`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_passkey_login(&self, db: &Database) -> Result<Options> {
        const SQL: &str = sql!(
            "INSERT INTO passkey_logins (slot, challenge, state, expires_at) VALUES ($1, $2, $3, now() + make_interval(secs => $4))
             ON CONFLICT ON CONSTRAINT passkey_logins_pkey
             DO UPDATE SET challenge = excluded.challenge, state = excluded.state, expires_at = excluded.expires_at"
        );
        let options = DiscoverableCredentialRequestOptions::passkey(&self.relying_party.id);
        let (server, client) = options.start_ceremony().map_err(Error::internal)?;
        let (challenge, state) = (challenge(server.sent_challenge().0), server.encode().map_err(Error::internal)?);
        let insert = sqlx::query(SQL).bind(rand::random_range(0..SLOTS)).bind(challenge).bind(state);
        let insert = insert.bind(CHALLENGE_SECONDS);
        db.write_once(move |mut tx| async move { Ok(insert.execute(&mut *tx).await?) }).await?;
        Options::of(&client)
    }

    /// The user whose passkey has signed a challenge (`AuthenticationResponseJSON`), which it uses up.
    ///
    /// # Errors
    /// 400 `passkey_rejected`.
    pub async fn passkey_user(&self, db: &Database, credential: &Value) -> Result<PasskeyUser> {
        const CHALLENGE: &str =
            sql!("DELETE FROM passkey_logins WHERE challenge = $1 RETURNING state, expires_at > now() AS is_valid");
        const PASSKEY: &str =
            sql!("SELECT id, user_id, user_handle, static_state, dynamic_state FROM passkeys WHERE credential_id = $1");
        // Without one webauthn_rp 0.3 panics when it is read.
        if !credential["response"]["userHandle"].is_string() {
            return Err(rejected("no user handle").into());
        }
        let response = DiscoverableAuthentication64::from_json_relaxed(credential.to_string().as_bytes());
        let response = response.map_err(rejected)?;
        let challenge = challenge(response.challenge_relaxed().map_err(rejected)?.0);
        let state: Option<(Vec<u8>, bool)> = db
            .write_once(move |mut tx| async move {
                Ok(sqlx::query_as(CHALLENGE).bind(challenge).fetch_optional(&mut *tx).await?)
            })
            .await?;
        let (state, _) = state.filter(|(_, is_valid)| *is_valid).ok_or_else(|| rejected("no challenge"))?;
        let find = sqlx::query_as(PASSKEY).bind(response.raw_id().inner().to_vec());
        let stored: Option<Stored> = find.fetch_optional(db.latest_reads()).await?;
        let stored = stored.ok_or_else(|| rejected("an unknown passkey"))?;
        let after = self.verified(&state, &response, &stored)?;
        Ok(PasskeyUser { id: stored.user_id, passkey: stored.id, before: stored.dynamic_state, after })
    }

    /// The state of a passkey after it has signed, with the signature counter.
    fn verified(&self, state: &[u8], response: &DiscoverableAuthentication64, stored: &Stored) -> Result<Vec<u8>> {
        let state = DiscoverableAuthenticationServerState::decode(state).map_err(rejected)?;
        let damaged = || Error::internal("a stored passkey cannot be read");
        let handle = stored.user_handle.as_slice().try_into().map_err(|_| damaged())?;
        let Ok(handle) = UserHandle64::decode(handle);
        let before = stored.dynamic_state.as_slice().try_into().map_err(|_| damaged())?;
        let mut passkey = AuthenticatedCredential::new(
            response.raw_id(),
            &handle,
            StaticState::<PublicKey>::decode(&stored.static_state).map_err(|_| damaged())?,
            DynamicState::decode(before).map_err(|_| damaged())?,
        )
        .map_err(|_| damaged())?;
        let options = AuthenticationVerificationOptions::<AllowedOrigin, AllowedOrigin> {
            allowed_origins: &self.relying_party.origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        state.verify(&self.relying_party.id, response, &mut passkey, &options).map_err(rejected)?;
        let Ok(after) = passkey.dynamic_state().encode();
        Ok(after.to_vec())
    }
}

impl PasskeyUser {
    /// Stores that the passkey was used. Must run in a transaction.
    ///
    /// # Errors
    /// 400 `passkey_rejected` when it was deleted, or used at the same time, which authenticators with a counter cannot be.
    pub async fn signed_in(&self, tx: &mut PgConnection) -> Result<()> {
        const SQL: &str =
            sql!("UPDATE passkeys SET dynamic_state = $3, used_at = now() WHERE id = $1 AND dynamic_state = $2");
        let used = sqlx::query(SQL).bind(self.passkey).bind(&self.before).bind(&self.after).execute(tx).await?;
        if used.rows_affected() == 1 { Ok(()) } else { Err(self.rejected().into()) }
    }

    /// The error response when the user may not sign in, which is that to an unknown passkey.
    pub fn rejected(&self) -> contract::Problem {
        rejected("its user may not sign in, or it was used meanwhile")
    }
}

/// A challenge as the database has it.
fn challenge(number: u128) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
