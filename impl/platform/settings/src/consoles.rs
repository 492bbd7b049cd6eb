//! Passwords of consoles that stand beside the services and know nothing of what everybody knows.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::secret::secret;
use crate::secrets::is_known_password;
use crate::{Environment, InvalidSettings};

/// Of programs that are not ours, and start only after a migration: told to it so that it can judge them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Consoles")]
pub struct ConsoleSettings {
    /// Password of Grafana's administrator, which is only looked at
    #[arg(long, env = "GRAFANA_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub grafana_password: Option<SecretString>,
    /// The same of pgAdmin
    #[arg(long, env = "PGADMIN_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub pgadmin_password: Option<SecretString>,
}

impl ConsoleSettings {
    /// Whoever gets into a console sees what is measured, or all there is in the database.
    ///
    /// # Errors
    /// In production, when everybody knows a password.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        for (name, password) in
            [("GRAFANA_PASSWORD", &self.grafana_password), ("PGADMIN_PASSWORD", &self.pgadmin_password)]
        {
            let password = password.as_ref().map(ExposeSecret::expose_secret).filter(|password| !password.is_empty());
            if environment.is_production() && password.is_some_and(is_known_password) {
                return Err(InvalidSettings(format!(
                    "{name} is one that everybody knows; production needs one of its own: openssl rand -hex 32"
                )));
            }
        }
        Ok(())
    }
}
