//! The roles of Postgres that services log in as, each able to do what its service does and nothing else.

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::secrets::is_known_password;
use super::{DatabaseSettings, Environment, InvalidSettings, secret};
use crate::privileges::role_of;

/// The services that have a role of Postgres, in the order of `migrations/privileges`. `verify` only reads.
pub const ROLES: [&str; 5] = ["tasks", "shop", "worker", "analytics", "verify"];

/// A password for each role; a role without one is not made, and keeps the one it has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Roles of Postgres")]
pub struct RoleSettings {
    /// Password of the role OWNER_tasks that the tasks service logs in as; OWNER is who DATABASE_URL logs in as
    #[arg(long, env = "TASKS_DATABASE_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub tasks_database_password: Option<SecretString>,
    /// The same of OWNER_shop
    #[arg(long, env = "SHOP_DATABASE_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub shop_database_password: Option<SecretString>,
    /// The same of OWNER_worker
    #[arg(long, env = "WORKER_DATABASE_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub worker_database_password: Option<SecretString>,
    /// The same of OWNER_analytics
    #[arg(long, env = "ANALYTICS_DATABASE_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub analytics_database_password: Option<SecretString>,
    /// The same of OWNER_verify, which can read everything but password hashes
    #[arg(long, env = "VERIFY_DATABASE_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub verify_database_password: Option<SecretString>,
}

impl RoleSettings {
    /// The password of each of [`ROLES`].
    pub fn passwords(&self) -> [Option<&str>; 5] {
        let Self {
            tasks_database_password: tasks,
            shop_database_password: shop,
            worker_database_password: worker,
            analytics_database_password: analytics,
            verify_database_password: verify,
        } = self;
        [tasks, shop, worker, analytics, verify]
            .map(|password| password.as_ref().map(ExposeSecret::expose_secret).filter(|password| !password.is_empty()))
    }

    /// The settings of the database with which a service logs in as its own role; nothing when it has no password.
    ///
    /// # Errors
    /// When the database's URL names nobody whose role it could be.
    pub fn login(
        &self,
        service: &str,
        database: &DatabaseSettings,
    ) -> Result<Option<DatabaseSettings>, InvalidSettings> {
        let Some(password) =
            ROLES.into_iter().zip(self.passwords()).find_map(|(known, it)| it.filter(|_| known == service))
        else {
            return Ok(None);
        };
        let url = database.url_as(|owner| role_of(owner, service), password).ok_or_else(|| {
            InvalidSettings("DATABASE_URL names nobody, so that the roles of services have no names either".into())
        })?;
        Ok(Some(DatabaseSettings { database_url: Some(url), ..database.clone() }))
    }

    /// What everybody knows protects nothing.
    ///
    /// # Errors
    /// In production, when a password is one from an example.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        for (service, password) in ROLES.into_iter().zip(self.passwords()) {
            if environment.is_production() && password.is_some_and(is_known_password) {
                return Err(InvalidSettings(format!(
                    "{}_DATABASE_PASSWORD is one that everybody knows; production needs one of its own: openssl rand -hex 32",
                    service.to_uppercase()
                )));
            }
        }
        Ok(())
    }
}
