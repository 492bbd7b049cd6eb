//! How webhooks are signed, and where they may go.

use clap::{Args, ValueEnum};

use crate::secrets::weakness;
use crate::{AuthSettings, Environment, InvalidSettings, Secret, SecretParser, each_line, given};

/// Webhooks and callbacks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookSettings {
    /// Key from which the secret of each recipient of webhooks is derived, the same for every process; default: SECRET_KEY.
    /// Of several, one on each line, recipients are told that of the first, and all sign
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true, value_parser = SecretParser)]
    pub webhook_secret: Option<Secret>,
    /// Where webhooks may be sent: public: https to public addresses; any: http and private addresses, too. Default: public in
    /// production, any in development
    #[arg(long, env = "WEBHOOK_TARGETS", value_enum, ignore_case = true)]
    pub webhook_targets: Option<Targets>,
}

/// Where webhooks may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Targets {
    /// To public addresses, by https.
    Public,
    /// To any address, also inside the network, by http or https.
    Any,
}

impl WebhookSettings {
    /// What secrets are derived from, one or several (see [`each_line`]): without one of its own, what signs tokens.
    pub fn secret(&self, auth: &AuthSettings) -> Secret {
        self.given().cloned().unwrap_or_else(|| auth.secret())
    }

    /// Where webhooks may be sent.
    pub fn targets(&self, environment: Environment) -> Targets {
        self.webhook_targets.unwrap_or(if environment.is_production() { Targets::Public } else { Targets::Any })
    }

    fn given(&self) -> Option<&Secret> {
        given(&self.webhook_secret)
    }

    pub(super) fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        let check = move |text: &str| match each_line(text).find_map(weakness) {
            Some(weakness) if environment.is_production() => Err(InvalidSettings(format!(
                "WEBHOOK_SECRET {weakness}; generate one, the same for every service: openssl rand -hex 32"
            ))),
            _ => Ok(()),
        };
        self.given().map_or(Ok(()), |secret| secret.must(check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_says_is_closed_in_production() {
        let default = WebhookSettings::default();
        assert_eq!(default.targets(Environment::Production), Targets::Public);
        assert_eq!(default.targets(Environment::Development), Targets::Any);
        let said = WebhookSettings { webhook_targets: Some(Targets::Any), ..default };
        assert_eq!(said.targets(Environment::Production), Targets::Any);
    }

    #[test]
    fn a_weak_key_is_refused_in_production() {
        let with = |key: &str| WebhookSettings { webhook_secret: Some(key.into()), ..WebhookSettings::default() };
        let refusal = with("change-me").validate(Environment::Production).expect_err("it is an example").to_string();
        assert!(refusal.starts_with("WEBHOOK_SECRET is shorter"), "{refusal}");
        with("change-me").validate(Environment::Development).expect("it is for this machine");
        with("").validate(Environment::Production).expect("as if there was none");
    }
}
