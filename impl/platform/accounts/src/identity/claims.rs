//! What an access token says.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `iss` of every token.
pub const ISSUER: &str = "urn:accounts";
/// `aud` of every token: all services that share the user base.
pub const AUDIENCE: &str = "urn:services";

/// The claims of an access token, all of them required but `sid` and `amr`.
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
    /// The id of its session; tokens of older releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// How the user was authenticated (RFC 8176); tokens of older releases do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
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
