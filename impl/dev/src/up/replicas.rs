//! The services' processes of `up`: of each as many as are wanted.

use crate::services::Service;
use anyhow::Result;
use backends::process::Signal;
use platform::settings::Bind;

use super::args::UpArgs;
use super::environment::Env;
use super::logins::Logins;
use super::supervised::{Plan, Program};
use crate::port::Probe;

/// One process of a service.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) service: &'static Service,
    pub(crate) port: u16,
    /// The service's, with a number from the second on.
    name: String,
}

impl Replica {
    /// How it is started.
    pub(crate) fn plan(self, env: &Env, logins: &Logins, bind: &Bind) -> Plan {
        let Self { service, port, name } = self;
        let mut env = env.clone();
        env.insert("PORT".to_owned(), port.to_string());
        env.extend(logins.url(&service.name).map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
        Plan {
            name,
            program: Program::Server,
            role: service.name.clone(),
            bind: bind.clone(),
            port,
            ready: Probe("/health/ready", b" 200"),
            farewell: Signal::SIGTERM,
            env,
        }
    }
}

/// Every process of every role: the first on the port that was asked for, others wherever there is room.
pub(crate) fn all(args: &UpArgs) -> Result<Vec<Replica>> {
    let mut replicas = Vec::new();
    for (service, port) in args.ports.services() {
        replicas.push(Replica { service, port, name: service.name.clone() });
        for number in 2..=args.processes_of(service) {
            let name = format!("{}-{number}", service.name);
            replicas.push(Replica { service, port: backends::free_port()?, name });
        }
    }
    Ok(replicas)
}
