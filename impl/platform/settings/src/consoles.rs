//! Passwords of the consoles (Grafana, pgAdmin) that run beside the services.

use clap::Args;
use secrecy::ExposeSecret;

use crate::secrets::is_known_password;
use crate::{Environment, InvalidSettings, Secret, SecretParser};

/// Passwords of third-party consoles, which start only after the migration; the migration validates them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Consoles")]
pub struct ConsoleSettings {
    /// Password of Grafana's administrator, checked for strength only
    #[arg(long, env = "GRAFANA_PASSWORD", hide_env_values = true, value_parser = SecretParser)]
    pub grafana_password: Option<Secret>,
    /// Password of pgAdmin, checked for strength only
    #[arg(long, env = "PGADMIN_PASSWORD", hide_env_values = true, value_parser = SecretParser)]
    pub pgadmin_password: Option<Secret>,
}

impl ConsoleSettings {
    /// Access to a console is access to all metrics, or to the whole database.
    ///
    /// # Errors
    /// In production, when a password is a well-known one.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        for (name, password) in
            [("GRAFANA_PASSWORD", &self.grafana_password), ("PGADMIN_PASSWORD", &self.pgadmin_password)]
        {
            let password = password.as_ref().map(ExposeSecret::expose_secret).filter(|password| !password.is_empty());
            if environment.is_production() && password.is_some_and(is_known_password) {
                return Err(InvalidSettings(format!(
                    "{name} is a well-known password, which production does not accept; generate one: openssl rand -hex 32"
                )));
            }
        }
        Ok(())
    }
}
