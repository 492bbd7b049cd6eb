//! Registration (WebAuthn, 7.1): a challenge for the user, and the credential that an authenticator made for it.

use contract::{Problem, StorageQuota};
use platform_store::{Database, Error, OnConstraint, Result, sql};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::PublicKeyCredentialDescriptor;
use webauthn_rp::request::register::{
    CredProtect, Nickname, PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity, RegistrationServerState,
    RegistrationVerificationOptions, UserHandle64, Username,
};
use webauthn_rp::response::register::Registration;
use webauthn_rp::response::{AuthTransports, CredentialId};

use super::relying_party::AllowedOrigin;
use super::{CHALLENGE_SECONDS, HANDLE_BYTES, Options, Passkey, SHOWN, rejected};
use crate::SecondFactors;

/// A user who registers a passkey.
#[derive(Debug, Clone)]
pub struct Registrant {
    /// The id.
    pub id: i64,
    /// How the user is named where passkeys are listed.
    pub email: String,
    /// How the user is called there.
    pub full_name: Option<String>,
}

/// A credential that matches the challenge, to be stored.
#[derive(Clone)]
pub struct Registered {
    credential_id: Vec<u8>,
    user_handle: Vec<u8>,
    static_state: Vec<u8>,
    dynamic_state: Vec<u8>,
}

#[derive(FromRow)]
struct Known {
    credential_id: Vec<u8>,
    user_handle: Vec<u8>,
}

impl SecondFactors {
    /// Gives a user a challenge, in place of an earlier one: `PublicKeyCredentialCreationOptionsJSON`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_registration(&self, db: &Database, user: &Registrant) -> Result<Options> {
        const KNOWN: &str =
            sql!("SELECT credential_id, user_handle FROM passkeys WHERE user_id = $1 ORDER BY created_at");
        const SQL: &str = sql!(
            "INSERT INTO passkey_registrations (user_id, state, expires_at)
             SELECT u.id, $2, now() + make_interval(secs => $3) FROM users u WHERE u.id = $1
             ON CONFLICT ON CONSTRAINT passkey_registrations_pkey
             DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at"
        );
        let known: Vec<Known> = sqlx::query_as(KNOWN).bind(user.id).fetch_all(db.latest_reads()).await?;
        let handle = known.first().and_then(|known| handle(&known.user_handle)).unwrap_or_default();
        // A name of which WebAuthn does not approve is not shown.
        let entity = PublicKeyCredentialUserEntity {
            name: Username::try_from(&*user.email).or_else(|_| Username::try_from("user")).map_err(Error::internal)?,
            id: &handle,
            display_name: user.full_name.as_deref().and_then(|name| Nickname::try_from(name).ok()),
        };
        let excluded = known.into_iter().filter_map(|known| CredentialId::decode(known.credential_id).ok());
        // Which transports an authenticator has is not stored: none is a hint only.
        let transports = AuthTransports::decode(0).map_err(Error::internal)?;
        let excluded = excluded.map(|id| PublicKeyCredentialDescriptor { id, transports });
        let mut options =
            PublicKeyCredentialCreationOptions::passkey(&self.relying_party.id, entity, excluded.collect());
        // Enforced, it excludes authenticators that do not know it; that the user is verified is checked at each sign-in.
        options.extensions.cred_protect = CredProtect::None;
        let (server, client) = options.start_ceremony().map_err(Error::internal)?;
        let (id, state) = (user.id, server.encode().map_err(Error::internal)?);
        db.write_once(move |mut tx| async move {
            Ok(sqlx::query(SQL).bind(id).bind(state).bind(CHALLENGE_SECONDS).execute(&mut *tx).await?)
        })
        .await?;
        Options::of(&client)
    }

    /// Checks a credential (`RegistrationResponseJSON`) with the challenge of a user, which it uses up.
    ///
    /// # Errors
    /// 400 `passkey_rejected`.
    pub async fn check_registration(&self, db: &Database, user: i64, credential: &Value) -> Result<Registered> {
        const SQL: &str = sql!(
            "DELETE FROM passkey_registrations WHERE user_id = $1 RETURNING state, expires_at > now() AS is_valid"
        );
        let challenge: Option<(Vec<u8>, bool)> = db
            .write_once(move |mut tx| async move { Ok(sqlx::query_as(SQL).bind(user).fetch_optional(&mut *tx).await?) })
            .await?;
        let (state, _) = challenge.filter(|(_, is_valid)| *is_valid).ok_or_else(|| rejected("no challenge"))?;
        self.registered(&state, credential).map_err(Error::from)
    }

    fn registered(&self, state: &[u8], credential: &Value) -> Result<Registered, Problem> {
        let registration = Registration::from_json_relaxed(credential.to_string().as_bytes()).map_err(rejected)?;
        let state = RegistrationServerState::<HANDLE_BYTES>::decode(state).map_err(rejected)?;
        let options = RegistrationVerificationOptions::<AllowedOrigin, AllowedOrigin> {
            allowed_origins: &self.relying_party.origins,
            // Some password managers send extensions that nobody asked for.
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let credential = state.verify(&self.relying_party.id, &registration, &options).map_err(rejected)?;
        Ok(Registered {
            credential_id: credential.id().inner().to_vec(),
            user_handle: credential.user_id().as_ref().to_vec(),
            static_state: credential.static_state().encode().map_err(rejected)?,
            dynamic_state: credential.dynamic_state().encode().map_err(rejected)?.to_vec(),
        })
    }

    /// Stores a passkey. Must run in a transaction.
    ///
    /// # Errors
    /// 409 of the quota; 400 `passkey_rejected` when it is registered already.
    pub async fn store_passkey(
        &self,
        tx: &mut PgConnection,
        user: i64,
        quota: &'static StorageQuota,
        name: &str,
        new: &Registered,
    ) -> Result<Passkey> {
        // Counted under a lock of the user, so that two at once cannot exceed the quota.
        const LOCK: &str = sql!("SELECT pg_advisory_xact_lock(hashtextextended('passkeys ' || $1::text, 0))");
        const SQL: &str = sql!(
            "INSERT INTO passkeys (id, user_id, credential_id, user_handle, name, static_state, dynamic_state)
             SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM passkeys p WHERE p.user_id = $2) < $8
             RETURNING {SHOWN}",
            SHOWN
        );
        let Registered { credential_id, user_handle, static_state, dynamic_state } = new;
        sqlx::query(LOCK).bind(user).execute(&mut *tx).await?;
        let insert = sqlx::query_as(SQL).bind(Uuid::now_v7()).bind(user).bind(credential_id).bind(user_handle);
        let insert = insert.bind(name).bind(static_state).bind(dynamic_state).bind(quota.amount);
        let stored =
            insert.fetch_optional(tx).await.on_constraint("passkeys_credential_id_key", || rejected("known"))?;
        Ok(stored.ok_or_else(|| quota.exceeded())?)
    }
}

/// A stored user handle.
fn handle(stored: &[u8]) -> Option<UserHandle64> {
    UserHandle64::decode(stored.try_into().ok()?).ok()
}
