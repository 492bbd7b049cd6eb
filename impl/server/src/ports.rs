//! The flags that every service has of its own: where it listens, and where its replicas are.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use platform::service::Entry;
use platform::settings::variable;
use services::SERVICES;

use crate::gateway::Upstreams;

/// The name that a service's flags begin with, as in `--tasks-port`.
pub(crate) fn flag(service: &Entry, setting: &str) -> String {
    format!("{}-{setting}", service.name)
}

/// A port for each service, in the order of [`SERVICES`]; read from the environment, too, if `ENV`.
#[derive(Debug, Clone)]
pub(crate) struct Ports<const ENV: bool>(Vec<u16>);

impl<const ENV: bool> Ports<ENV> {
    /// The services with their ports.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&'static Entry, u16)> {
        SERVICES.iter().zip(self.0.iter().copied())
    }
}

impl<const ENV: bool> Args for Ports<ENV> {
    fn augment_args(command: Command) -> Command {
        let args = SERVICES.iter().map(|service| {
            let arg = Arg::new(flag(service, "port"))
                .long(flag(service, "port"))
                .value_name("PORT")
                .default_value(service.port.to_string())
                .value_parser(value_parser!(u16))
                .help(format!("Port of {}", service.name));
            if ENV { arg.env(variable(service.name, "PORT")) } else { arg }
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const ENV: bool> FromArgMatches for Ports<ENV> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let port = |service: &Entry| matches.get_one(&flag(service, "port")).copied().unwrap_or(service.port);
        Ok(Self(SERVICES.iter().map(port).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where the replicas of each service are that is behind the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Replicas(pub(crate) Vec<(&'static Entry, Upstreams)>);

impl Replicas {
    /// The variable that says it of a service.
    pub(crate) fn variable(service: &Entry) -> String {
        variable(service.name, "UPSTREAMS")
    }
}

/// Those that the gateway passes requests on to.
pub(crate) fn behind_the_gateway() -> impl Iterator<Item = &'static Entry> {
    SERVICES.iter().filter(|service| service.prefix.is_some())
}

impl Args for Replicas {
    fn augment_args(command: Command) -> Command {
        let args = behind_the_gateway().map(|service| {
            Arg::new(flag(service, "upstreams"))
                .long(flag(service, "upstreams"))
                .env(Self::variable(service))
                .value_name("ADDRESSES")
                .default_value(format!("127.0.0.1:{}", service.port))
                .value_parser(value_parser!(Upstreams))
                .help(format!("Replicas of {}: HOST:PORT, comma separated", service.name))
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Replicas {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let of = |service: &'static Entry| Some((service, matches.get_one(&flag(service, "upstreams")).cloned()?));
        Ok(Self(behind_the_gateway().filter_map(of).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
