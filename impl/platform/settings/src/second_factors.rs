//! Second factors and passkeys.

use clap::Args;

use crate::InvalidSettings;

/// Second factors and passkeys.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Second factors")]
pub struct SecondFactorSettings {
    /// Whether superusers need a second factor: the session of one who logs in without has no rights of a superuser
    #[arg(long, env = "REQUIRE_SUPERUSER_SECOND_FACTOR", value_parser = clap::builder::BoolishValueParser::new(),
          default_value = "false", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub require_superuser_second_factor: bool,
    /// Domain that passkeys belong to, as users know it: that of the pages that use them, or one above. Passkeys of another domain are lost
    /// with it. Apps that make one-time codes show it, too
    #[arg(long, env = "WEBAUTHN_RP_ID", default_value = "localhost")]
    pub webauthn_rp_id: String,
    /// Origins of the pages that may use passkeys, comma-separated [default: https://WEBAUTHN_RP_ID; for localhost any port, without TLS]
    #[arg(long, env = "WEBAUTHN_ORIGINS", value_delimiter = ',')]
    pub webauthn_origins: Vec<String>,
}

impl SecondFactorSettings {
    /// Browsers let only pages of the domain use its passkeys, and only such as came over TLS or from this machine.
    pub(super) fn validate(&self) -> Result<(), InvalidSettings> {
        let domain = &self.webauthn_rp_id;
        let is_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '.');
        if domain.is_empty() || !domain.chars().all(is_name) || domain.starts_with('.') || domain.ends_with('.') {
            return Err(InvalidSettings(format!("WEBAUTHN_RP_ID is {domain:?}: it is a domain like example.com")));
        }
        match self.webauthn_origins.iter().find(|origin| !belongs(origin, domain)) {
            Some(origin) => Err(InvalidSettings(format!(
                "WEBAUTHN_ORIGINS has {origin:?}: an origin of WEBAUTHN_RP_ID or of a domain below it is like https://{domain}"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether a page of this origin may use passkeys of a domain.
fn belongs(origin: &str, domain: &str) -> bool {
    let local = origin.strip_prefix("http://").filter(|_| domain == "localhost");
    let Some(authority) = origin.strip_prefix("https://").or(local) else { return false };
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_below = host.strip_suffix(domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
    is_below && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_belong_to_the_domain() {
        let settings = |domain: &str, origin: &str| SecondFactorSettings {
            require_superuser_second_factor: false,
            webauthn_rp_id: domain.into(),
            webauthn_origins: vec![origin.into()],
        };
        for (domain, origin) in [
            ("example.com", "https://example.com"),
            ("example.com", "https://a.b.example.com:8443"),
            ("localhost", "http://localhost:3000"),
            ("localhost", "https://localhost"),
        ] {
            assert!(settings(domain, origin).validate().is_ok(), "{domain} {origin}");
        }
        for (domain, origin) in [
            ("example.com", "http://example.com"),
            ("example.com", "https://notexample.com"),
            ("example.com", "https://example.com.example.org"),
            ("example.com", "https://example.com/"),
            ("example.com", "https://example.com:x"),
            ("example.com", ""),
            ("localhost", "http://localhost.example.com"),
            ("https://example.com", "https://example.com"),
            ("Example.com", "https://Example.com"),
            (".com", "https://a.com"),
            ("", "https://"),
        ] {
            assert!(settings(domain, origin).validate().is_err(), "{domain} {origin}");
        }
    }
}
