//! The flags that every service has of its own: where it listens, and where its replicas are.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use platform::settings::variable;

use crate::gateway::Upstreams;
use crate::services::{SERVICES, Service, behind_the_gateway};

/// The name that a service's flags begin with, as in `--tasks-port`.
pub(crate) fn flag(service: &Service, setting: &str) -> String {
    format!("{}-{setting}", service.name)
}

/// A port for each service, in the order of [`SERVICES`].
#[derive(Debug, Clone)]
pub(crate) struct Ports(Vec<u16>);

impl Ports {
    /// The services with their ports.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&'static Service, u16)> {
        SERVICES.iter().zip(self.0.iter().copied())
    }
}

impl Args for Ports {
    fn augment_args(command: Command) -> Command {
        let args = SERVICES.iter().map(|service| {
            Arg::new(flag(service, "port"))
                .long(flag(service, "port"))
                .value_name("PORT")
                .default_value(service.port.to_string())
                .value_parser(value_parser!(u16))
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
        let port = |service: &Service| matches.get_one(&flag(service, "port")).copied().unwrap_or(service.port);
        Ok(Self(SERVICES.iter().map(port).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where the replicas of each service are that is behind the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Replicas(pub(crate) Vec<(&'static Service, Upstreams)>);

impl Replicas {
    /// The variable that says it of a service.
    pub(crate) fn variable(service: &Service) -> String {
        variable(&service.name, "UPSTREAMS")
    }
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
                .help(format!("Replicas of {}: HOST:PORT, comma-separated", service.name))
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Replicas {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let of = |service: &'static Service| Some((service, matches.get_one(&flag(service, "upstreams")).cloned()?));
        Ok(Self(behind_the_gateway().filter_map(of).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
