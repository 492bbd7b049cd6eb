//! The roles of Postgres that services log in as, each with the privileges of its service only.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use platform_settings::{
    DatabaseSettings, Environment, InvalidSettings, Secret, SecretParser, each_line, is_known_password, variable,
};
use secrecy::ExposeSecret;

include!(concat!(env!("OUT_DIR"), "/privileges.rs"));

/// The role of a service where `owner` owns the database.
pub fn role_of(owner: &str, service: &str) -> String {
    format!("{owner}_{service}")
}

/// A password for each of [`ROLES`]; a role without one is not created, and an existing one keeps its password.
#[derive(Debug, Clone, Default)]
pub struct RoleSettings(Vec<(&'static str, Secret)>);

impl RoleSettings {
    /// The roles with a password: of several lines the first, which is the new one while it is being changed.
    pub fn passwords(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|(role, password)| Some((*role, each_line(password.expose_secret()).next()?)))
    }

    /// The database settings with which a service logs in as its own role; `None` when it has no password.
    ///
    /// # Errors
    /// When the database's URL has no user to derive the role from.
    pub fn login(
        &self,
        service: &str,
        database: &DatabaseSettings,
    ) -> Result<Option<DatabaseSettings>, InvalidSettings> {
        let Some((_, password)) = self.0.iter().find(|(known, _)| *known == service) else { return Ok(None) };
        let login = database.of_role(|owner| role_of(owner, service), password).ok_or_else(|| {
            InvalidSettings(
                "DATABASE_URL has no user name, from which the names of the roles of services are derived".into(),
            )
        })?;
        Ok(Some(login))
    }

    /// Checks that no password is a well-known one.
    ///
    /// # Errors
    /// In production, when a password is published in an example.
    pub fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        for (role, password) in self.passwords() {
            if environment.is_production() && is_known_password(password) {
                let name = Self::variable(role);
                return Err(InvalidSettings(format!(
                    "{name} is a well-known password, which production does not accept; generate one: openssl rand -hex 32"
                )));
            }
        }
        Ok(())
    }

    /// The environment variable of a role's password.
    pub fn variable(role: &str) -> String {
        variable(role, "DATABASE_PASSWORD")
    }
}

impl Args for RoleSettings {
    fn augment_args(command: Command) -> Command {
        let args = ROLES.iter().map(|(role, _)| {
            Arg::new(Self::variable(role))
                .long(format!("{role}-database-password"))
                .env(Self::variable(role))
                .hide_env_values(true)
                .value_parser(SecretParser)
                .help(format!("Password of the Postgres role OWNER_{role}; OWNER is the user of DATABASE_URL"))
                .help_heading("Postgres roles")
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RoleSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |role: &'static str| Some((role, matches.get_one::<Secret>(&Self::variable(role))?.clone()));
        let given = ROLES.iter().filter_map(|(role, _)| given(role));
        Ok(Self(given.filter(|(_, password)| !password.expose_secret().is_empty()).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
