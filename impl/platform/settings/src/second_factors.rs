//! Second factors and passkeys.

use clap::Args;

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
}
