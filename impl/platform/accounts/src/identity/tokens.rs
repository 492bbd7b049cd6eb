//! Access tokens: JWTs (RFC 7519) validated as RFC 8725 recommends. One key signs, and every service accepts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::Problem;
use jsonwebtoken::Header;
use jsonwebtoken::errors::ErrorKind;
use platform_settings::{AuthSettings, InvalidSettings};
use platform_store::{Error, Result};
use uuid::Uuid;

use super::claims::{AUDIENCE, Claims, ISSUER};
use super::keys::{self, Keys};

/// `typ` of an access token; a token with another purpose is rejected.
const ACCESS_TOKEN: &str = "access";
/// Seconds by which the clocks of replicas may differ before a new token counts as not yet valid.
const CLOCK_SKEW_SECONDS: u64 = 5;
/// Longer texts are rejected without parsing, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;

/// Issues and verifies access tokens.
pub struct Tokens {
    keys: Vec<Keys>,
    life: Duration,
}

/// A key that is accepted at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedKey {
    /// Its id, `kid` in the headers of tokens.
    pub id: String,
    /// The name of its algorithm.
    pub algorithm: String,
    /// Whether it signs the tokens that this process issues.
    pub signs: bool,
}

impl Tokens {
    /// With the keys and lifetime of the settings.
    ///
    /// # Errors
    /// When the settings have something else than keys of their algorithms.
    pub fn new(settings: &AuthSettings) -> std::result::Result<Self, InvalidSettings> {
        Ok(Self { keys: keys::of_settings(settings)?, life: settings.token_life() })
    }

    /// The keys that are accepted at present.
    pub fn keys(&self) -> Vec<AcceptedKey> {
        let mut all: Vec<AcceptedKey> = Vec::new();
        for (source, keys) in self.keys.iter().enumerate() {
            for (place, key) in keys.get().iter().enumerate() {
                let signs = (source, place) == (0, 0) && key.signing.is_some();
                let key = AcceptedKey { id: key.id.clone(), algorithm: format!("{:?}", key.algorithm()), signs };
                if all.iter().all(|known| known.id != key.id) {
                    all.push(key);
                }
            }
        }
        all
    }

    /// Whether it can issue tokens: else it only has keys that verify.
    pub fn can_issue(&self) -> bool {
        self.keys.first().is_some_and(|keys| keys.get().first().is_some_and(|key| key.signing.is_some()))
    }

    /// The lifetime of a token.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// A new token for a user, in a session that was begun as `amr` says.
    ///
    /// # Errors
    /// 400 `unsupported_grant_type` when it [cannot](Tokens::can_issue); 500 when it cannot be signed.
    pub fn issue(&self, user: i64, epoch: i64, scope: &str, session: Option<Uuid>, amr: &[String]) -> Result<String> {
        let keys = self.keys.first().map(Keys::get);
        let key = keys.as_deref().and_then(|keys| keys.first());
        let Some((key, signing)) = key.and_then(|key| Some((key, key.signing.as_ref()?))) else {
            return Err(issues_none().into());
        };
        let now = seconds();
        let claims = Claims {
            sub: user.to_string(),
            iat: now,
            nbf: now,
            exp: now + self.life.as_secs(),
            jti: Uuid::now_v7(),
            sid: session,
            amr: amr.to_vec(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: ACCESS_TOKEN.to_owned(),
            epoch,
            scope: scope.to_owned(),
        };
        let header = Header { kid: Some(key.id.clone()), ..Header::new(key.algorithm()) };
        jsonwebtoken::encode(&header, &claims, signing).map_err(Error::internal)
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
        let claims = self.signed(token)?;
        if claims.typ != ACCESS_TOKEN {
            return Err(refused("not an access token"));
        }
        if claims.nbf > seconds() + CLOCK_SKEW_SECONDS || claims.iat > seconds() + CLOCK_SKEW_SECONDS {
            return Err(refused("not yet valid"));
        }
        Ok(claims)
    }

    /// The claims of a token that one of the keys has signed.
    fn signed(&self, token: &str) -> Result<Claims, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(refused)?;
        for keys in &self.keys {
            for key in keys.get().iter().filter(|key| key.fits(&header)) {
                match jsonwebtoken::decode::<Claims>(token, &key.verifying, &key.validation) {
                    Ok(token) => return Ok(token.claims),
                    // Another one may have signed it.
                    Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
                    Err(error) => return Err(refused(error)),
                }
            }
        }
        Err(refused("signed by no key that is accepted"))
    }
}

/// The error response where tokens are only verified.
pub(crate) fn issues_none() -> Problem {
    let detail = "This service only verifies tokens. Log in at one that issues them.";
    Problem::bad_request("unsupported_grant_type", detail)
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
