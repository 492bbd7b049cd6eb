//! Who passkeys belong to, and the pages that may use them.

use platform_settings::{InvalidSettings, SecondFactorSettings};
use webauthn_rp::request::{AsciiDomain, RpId};
use webauthn_rp::response::Origin;

/// The relying party (WebAuthn, 4).
pub(crate) struct RelyingParty {
    pub(super) id: RpId,
    pub(super) origins: Vec<AllowedOrigin>,
}

/// The origin of pages that may use passkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AllowedOrigin {
    /// This one.
    Exactly(String),
    /// Any port of this machine, without TLS: browsers trust it (W3C Secure Contexts, 3.1).
    Localhost,
}

impl RelyingParty {
    pub(crate) fn new(settings: &SecondFactorSettings) -> Result<Self, InvalidSettings> {
        let domain = AsciiDomain::try_from(settings.webauthn_rp_id.clone());
        let domain = domain.map_err(|error| InvalidSettings(format!("WEBAUTHN_RP_ID is no domain: {error}")))?;
        let mut origins: Vec<_> = settings.webauthn_origins.iter().cloned().map(AllowedOrigin::Exactly).collect();
        if origins.is_empty() {
            origins.push(match domain.as_ref() {
                "localhost" => AllowedOrigin::Localhost,
                domain => AllowedOrigin::Exactly(format!("https://{domain}")),
            });
        }
        Ok(Self { id: RpId::Domain(domain), origins })
    }
}

impl PartialEq<Origin<'_>> for AllowedOrigin {
    fn eq(&self, origin: &Origin<'_>) -> bool {
        match self {
            Self::Exactly(allowed) => *origin.0 == **allowed,
            Self::Localhost => origin.0.strip_prefix("http://localhost").is_some_and(|rest| {
                let port = rest.strip_prefix(':');
                rest.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_ok())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn party(flags: &[&str]) -> Result<RelyingParty, InvalidSettings> {
        let command = SecondFactorSettings::augment_args(Command::new("test"));
        let matches = command.try_get_matches_from([&["test"], flags].concat()).expect("flags");
        RelyingParty::new(&SecondFactorSettings::from_arg_matches(&matches).expect("settings"))
    }

    #[test]
    fn pages_of_the_domain_may_use_passkeys() {
        let allows = |flags: &[&str], origin: &str| {
            let party = party(flags).expect("the settings are good");
            party.origins.iter().any(|allowed| *allowed == Origin(origin.into()))
        };
        for origin in ["http://localhost", "http://localhost:8080"] {
            assert!(allows(&[], origin), "{origin}");
        }
        for origin in [
            "",
            "http://localhost.example.com",
            "http://localhost:8080.example.com",
            "https://example.com",
            "http://localhost:",
        ] {
            assert!(!allows(&[], origin), "{origin}");
        }
        let domain = ["--webauthn-rp-id", "example.com"];
        assert!(allows(&domain, "https://example.com"));
        for origin in ["http://example.com", "https://example.com:8443", "https://a.example.com", "http://localhost"] {
            assert!(!allows(&domain, origin), "{origin}");
        }
        let pages =
            ["--webauthn-rp-id", "example.com", "--webauthn-origins", "https://a.example.com,https://example.com:8443"];
        assert!(allows(&pages, "https://a.example.com") && allows(&pages, "https://example.com:8443"));
        assert!(!allows(&pages, "https://example.com"));
    }
}
