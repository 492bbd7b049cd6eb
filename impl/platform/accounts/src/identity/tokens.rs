//! Access tokens: JWTs (RFC 7519) checked as RFC 8725 advises. One key signs and every service accepts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::Problem;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use platform_settings::AuthSettings;
use platform_store::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `iss` of every token.
pub const ISSUER: &str = "urn:accounts";
/// `aud` of every token: each service that shares the user base.
pub const AUDIENCE: &str = "urn:services";
/// `typ` of an access token; a token for any other purpose is refused.
const ACCESS: &str = "access";
/// Clocks of replicas may differ by this much before a fresh token counts as not yet valid.
const SKEW: u64 = 5;
/// Longer texts are not looked at.
const LONGEST: usize = 4_096;

/// What an access token says. All of it must be there.
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
    /// This token, so that it can be revoked.
    pub jti: Uuid,
    /// [`ISSUER`].
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// What kind of token it is.
    pub typ: String,
    /// The user's session epoch at login; a later password change ends the session.
    pub epoch: i64,
    /// The scopes granted at login, separated by spaces.
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
    /// With the key, algorithm and life of the settings.
    pub fn new(settings: &AuthSettings) -> Self {
        let algorithm = match settings.algorithm {
            platform_settings::Algorithm::Hs256 => Algorithm::HS256,
            platform_settings::Algorithm::Hs384 => Algorithm::HS384,
            platform_settings::Algorithm::Hs512 => Algorithm::HS512,
        };
        // Pins the algorithm: `none` and every other one are refused whatever the token's header says.
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

    /// How long a token lives.
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
            typ: ACCESS.to_owned(),
            epoch,
            scope: scope.to_owned(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(Error::internal)
    }

    /// The claims of a token that is signed, current and meant for us. Whether its user may still come in is for
    /// the database to say.
    ///
    /// # Errors
    /// 401 `invalid_token`; why is only in the log.
    pub fn verify(&self, token: &str) -> Result<Claims, Problem> {
        if token.len() > LONGEST {
            return Err(refused("longer than any token"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).map_err(refused)?.claims;
        if claims.typ != ACCESS {
            return Err(refused("not an access token"));
        }
        if claims.nbf > seconds() + SKEW || claims.iat > seconds() + SKEW {
            return Err(refused("not yet valid"));
        }
        Ok(claims)
    }
}

/// The one answer to every bad token.
pub(crate) fn refused(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    Problem::unauthorized("invalid_token", "The token is not, or no longer, good.").with_cause(why)
}

/// The answer to a caller who was deleted since the token was looked at.
pub fn caller_is_gone() -> Problem {
    Problem::unauthorized("invalid_token", "The token's user does not exist any more.")
}

/// Now, as tokens tell time.
pub(crate) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
