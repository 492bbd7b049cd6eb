//! Second factors: one-time codes (TOTP, RFC 6238), recovery codes in their place, and passkeys (WebAuthn).
//!
//! Nothing here knows of sessions or of the audit log: what a code is for is done by the caller, in the transaction in which the code is
//! [spent](Proof::spend), so that neither is there without the other.

mod encryption;
mod passkeys;
mod recovery_codes;
mod state;
mod totp;

use platform_settings::{AuthSettings, InvalidSettings};

pub use passkeys::{Options, Passkey, PasskeyUser, Registered, Registrant};
pub use state::State;
pub use totp::{Enrolment, Proof};

use encryption::Keys;
use passkeys::RelyingParty;

/// The second factors of all users.
pub struct SecondFactors {
    keys: Keys,
    /// Who issues the codes, as apps show it.
    issuer: String,
    relying_party: RelyingParty,
}

impl SecondFactors {
    /// With the keys and the domain of the settings.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(settings: &AuthSettings) -> Result<Self, InvalidSettings> {
        let (keys, domain) = (Keys::new(&settings.secret())?, &settings.second_factors);
        let relying_party = RelyingParty::new(domain)?;
        Ok(Self { keys, issuer: domain.webauthn_rp_id.clone(), relying_party })
    }
}
