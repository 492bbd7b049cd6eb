//! Second factors: one-time codes (TOTP, RFC 6238) and recovery codes in their place.
//!
//! Nothing here knows of sessions or of the audit log: what a code is for is done by the caller, in the transaction in which the code is
//! [spent](Proof::spend), so that neither is there without the other.

mod encryption;
mod recovery_codes;
mod state;
mod totp;

use platform_settings::{AuthSettings, InvalidSettings};

pub use state::State;
pub use totp::{Enrolment, Proof};

use encryption::Keys;

/// The second factors of all users.
pub struct SecondFactors {
    keys: Keys,
    /// Who issues the codes, as apps show it.
    issuer: String,
}

impl SecondFactors {
    /// With the keys of the settings.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub fn new(settings: &AuthSettings) -> Result<Self, InvalidSettings> {
        Ok(Self { keys: Keys::new(&settings.secret())?, issuer: settings.second_factors.webauthn_rp_id.clone() })
    }
}
