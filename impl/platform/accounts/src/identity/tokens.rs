//! Access tokens: JWTs (RFC 7519) validated as RFC 8725 recommends. One key signs and every service accepts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::Problem;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use platform_settings::AuthSettings;
use platform_store::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `iss` of every token.
pub const ISSUER: &str = "urn:accounts";
/// `aud` of every token: all services that share the user base.
pub const AUDIENCE: &str = "urn:services";
/// `typ` of an access token; a token with another purpose is rejected.
const ACCESS_TOKEN: &str = "access";
/// Seconds by which the clocks of replicas may differ before a new token counts as not yet valid.
const CLOCK_SKEW_SECONDS: u64 = 5;
/// Longer texts are rejected without parsing, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;

/// The claims of an access token, all of them required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// Issued at, in seconds since 1970.
    pub iat: u64,
    /// Not before.
    pub nbf: u64,
    /// Expires at.
    pub exp: u64,
    /// The id of the token, for revocation.
    pub jti: Uuid,
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The type of the token.
    pub typ: String,
    /// The user's session epoch at login; a later password change ends the session.
    pub epoch: i64,
    /// The granted scopes, separated by spaces.
    pub scope: String,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    life: Duration,
}

impl Tokens {
    /// With the key, algorithm and lifetime of the settings.
    pub fn new(settings: &AuthSettings) -> Self {
        let algorithm = match settings.algorithm {
            platform_settings::Algorithm::Hs256 => Algorithm::HS256,
            platform_settings::Algorithm::Hs384 => Algorithm::HS384,
            platform_settings::Algorithm::Hs512 => Algorithm::HS512,
        };
        // Pins the algorithm: `none` and all others are rejected whatever the token's header says.
        let mut validation = Validation::new(algorithm);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "sub", "iss", "aud"]);
        Self {
            header: Header::new(algorithm),
            signing: EncodingKey::from_secret(settings.signing_key()),
            verifying: DecodingKey::from_secret(settings.signing_key()),
            validation,
            life: settings.token_life(),
        }
    }

    /// The lifetime of a token.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// A new token for a user.
    ///
    /// # Errors
    /// 500 when it cannot be signed.
    pub fn issue(&self, user: i64, epoch: i64, scope: &str) -> Result<String> {
        let now = seconds();
        let claims = Claims {
            sub: user.to_string(),
            iat: now,
            nbf: now,
            exp: now + self.life.as_secs(),
            jti: Uuid::now_v7(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: ACCESS_TOKEN.to_owned(),
            epoch,
            scope: scope.to_owned(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(Error::internal)
    }

    /// The claims of a token with a valid signature, lifetime and audience. Whether its user may still use it is checked in the
    /// database.
    ///
    /// # Errors
    /// 401 `invalid_token`; the reason is only in the log.
    pub fn verify(&self, token: &str) -> Result<Claims, Problem> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused("longer than any token"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).map_err(refused)?.claims;
        if claims.typ != ACCESS_TOKEN {
            return Err(refused("not an access token"));
        }
        if claims.nbf > seconds() + CLOCK_SKEW_SECONDS || claims.iat > seconds() + CLOCK_SKEW_SECONDS {
            return Err(refused("not yet valid"));
        }
        Ok(claims)
    }
}

/// The error response to every invalid token.
pub(crate) fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    Problem::unauthorized("invalid_token", "The token is invalid or expired.").with_cause(why)
}

/// The error response when the user was deleted after the token was checked.
pub fn caller_is_gone() -> Problem {
    Problem::unauthorized("invalid_token", "The user of the token no longer exists.")
}

/// The current time in seconds since 1970.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
