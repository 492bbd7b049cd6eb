//! The processes of `up`: of each role as many as are wanted, and the gateway in front of them.

use std::path::Path;

use crate::services::Service;
use anyhow::Result;
use backends::process::Signal;

use super::environment::Env;
use super::gateway::Gateway;
use super::logins::Logins;
use super::supervised::{Plan, Program, Supervised};
use super::{UpArgs, monitoring};
use crate::port::Probe;

/// One process of a service.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) service: &'static Service,
    pub(crate) port: u16,
    /// The service's, with a number from the second on.
    name: String,
}

/// Every process of every role: the first on the port that was asked for, others wherever there is room.
fn all(args: &UpArgs) -> Result<Vec<Replica>> {
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

/// Starts the gateway, which is the first to stop, and all replicas.
pub(crate) fn start(
    args: &UpArgs,
    gateway: Option<&Gateway>,
    env: &Env,
    logins: &Logins,
    logs: &Path,
) -> Result<Vec<Supervised>> {
    let replicas = all(args)?;
    let mut plans: Vec<Plan> = gateway.map(|gateway| gateway.plan(args, &replicas)).into_iter().collect();
    plans.extend(monitoring::plan(args, &replicas));
    plans.extend(replicas.into_iter().map(|Replica { service, port, name }| {
        let mut env = env.clone();
        env.insert("PORT".to_owned(), port.to_string());
        env.extend(logins.url(&service.name).map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
        let (ready, farewell) = (Probe("/health/ready", b" 200"), Signal::SIGTERM);
        Plan {
            name,
            program: Program::Server,
            role: service.name.clone(),
            bind: args.bind.clone(),
            port,
            ready,
            farewell,
            env,
        }
    }));
    plans.into_iter().map(|plan| Supervised::start(plan, logs)).collect()
}
