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
    /// Browsers let only pages of the domain use its passkeys, and only such as came over TLS.
    pub(super) fn validate(&self) -> Result<(), InvalidSettings> {
        let domain = &self.webauthn_rp_id;
        let fits = |origin: &String| {
            let host = origin.strip_prefix("https://").map(|rest| rest.split_once(':').map_or(rest, |(host, _)| host));
            host.is_some_and(|host| host.strip_suffix(domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
                || (domain == "localhost" && origin.starts_with("http://localhost"))
        };
        match self.webauthn_origins.iter().find(|origin| !fits(origin)) {
            Some(origin) => Err(InvalidSettings(format!(
                "WEBAUTHN_ORIGINS has {origin:?}: an origin of WEBAUTHN_RP_ID or of a domain below it is like https://{domain}"
            ))),
            None => Ok(()),
        }
    }
}
