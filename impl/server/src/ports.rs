//! The port of each service, where all are one process.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use platform::service::Entry;
use platform::settings::variable;
use services::SERVICES;

/// The flag of a service's port, such as `--tasks-port`.
fn flag(service: &Entry) -> String {
    format!("{}-port", service.name)
}

/// A port for each service, in the order of [`SERVICES`].
#[derive(Debug, Clone)]
pub(crate) struct Ports(Vec<u16>);

impl Ports {
    /// The services with their ports.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&'static Entry, u16)> {
        SERVICES.iter().zip(self.0.iter().copied())
    }
}

impl Args for Ports {
    fn augment_args(command: Command) -> Command {
        let args = SERVICES.iter().map(|service| {
            Arg::new(flag(service))
                .long(flag(service))
                .value_name("PORT")
                .default_value(service.port.to_string())
                .value_parser(value_parser!(u16))
                .env(variable(service.name, "PORT"))
                .help(format!("Port of {}", service.name))
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Ports {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let port = |service: &Entry| matches.get_one(&flag(service)).copied().unwrap_or(service.port);
        Ok(Self(SERVICES.iter().map(port).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
