//! Authorizations that are under way, in the database: any process completes what another has begun.

use std::time::Duration;

use platform_store::{Database, Result, sql};
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;

/// How long a user has for signing in at the provider.
pub(crate) const LIFETIME: Duration = Duration::from_secs(600);
/// Authorizations that are kept: 40 MB. Of more the oldest are forgotten.
const MAX_AUTHORIZATIONS: i64 = 100_000;

/// The table of them.
#[derive(Debug, Clone)]
pub(crate) struct Authorizations(pub(crate) Database);

/// One that was taken: nobody else has it.
#[derive(Debug, FromRow)]
pub(crate) struct Taken {
    number: i64,
    pub(crate) redirect_uri: String,
    seconds_left: f64,
}

/// The secrets of an authorization, as the client that began it has them.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    state_hash: Vec<u8>,
    code_challenge: Vec<u8>,
}

impl Key {
    pub(crate) fn of(state: &str, code_verifier: &str) -> Self {
        let hash = |text: &str| Sha256::digest(text.as_bytes()).to_vec();
        Self { state_hash: hash(state), code_challenge: hash(code_verifier) }
    }
}

impl Authorizations {
    pub(crate) async fn begin(&self, provider: &str, redirect_uri: String, key: Key) -> Result<()> {
        const SQL: &str = sql!("SELECT begin_openid_authorization($1, $2, $3, $4, make_interval(secs => $5), $6)");
        let provider = provider.to_owned();
        self.0
            .write_once(move |mut tx| async move {
                let begin = sqlx::query(SQL).bind(key.state_hash).bind(key.code_challenge).bind(provider);
                let begin = begin.bind(redirect_uri).bind(LIFETIME.as_secs_f64()).bind(MAX_AUTHORIZATIONS);
                Ok(begin.execute(&mut *tx).await.map(drop)?)
            })
            .await
    }

    /// Takes one, for whoever has its secrets. Who has only one of them leaves it for its owner.
    pub(crate) async fn take(&self, provider: &str, key: Key) -> Result<Option<Taken>> {
        const SQL: &str = sql!(
            "DELETE FROM openid_authorizations
             WHERE state_hash = $1 AND code_challenge = $2 AND provider = $3 AND expires_at > now()
             RETURNING number, redirect_uri, extract(epoch FROM expires_at - now())::float8 AS seconds_left"
        );
        let provider = provider.to_owned();
        self.0
            .write_once(move |mut tx| async move {
                let take = sqlx::query_as(SQL).bind(key.state_hash).bind(key.code_challenge).bind(provider);
                Ok(take.fetch_optional(&mut *tx).await?)
            })
            .await
    }

    /// Puts it back, after nothing was done with it.
    pub(crate) async fn put_back(&self, provider: &str, key: Key, taken: Taken) {
        const SQL: &str = sql!(
            "INSERT INTO openid_authorizations (number, state_hash, code_challenge, provider, redirect_uri, expires_at)
             VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))"
        );
        let provider = provider.to_owned();
        let put = self.0.write_once(move |mut tx| async move {
            let put = sqlx::query(SQL).bind(taken.number).bind(key.state_hash).bind(key.code_challenge);
            let put = put.bind(provider).bind(taken.redirect_uri).bind(taken.seconds_left);
            Ok(put.execute(&mut *tx).await?)
        });
        // Then the user begins anew.
        if let Err(error) = put.await {
            tracing::warn!(%error, "keeping an OpenID authorization for another attempt failed");
        }
    }
}
