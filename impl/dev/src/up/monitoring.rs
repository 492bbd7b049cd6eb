//! Prometheus of `up`: asks every replica it started, on one more port.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use backends::process::Signal;

use super::args::{UpArgs, UpMonitoringArgs};
use super::environment::Env;
use super::replicas::Replica;
use super::supervised::{Plan, Program};
use crate::port::Probe;

/// How it is started, if it is wanted.
pub(crate) fn plan(args: &UpArgs, replicas: &[Replica]) -> Option<Plan> {
    let mut targets: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for replica in replicas {
        let address = SocketAddr::new(args.bind.reachable(), replica.port).to_string();
        targets.entry(replica.service.name.as_str()).or_default().push(address);
    }
    let targets: Vec<String> =
        targets.into_iter().map(|(role, addresses)| format!("{role}={}", addresses.join(","))).collect();
    let UpMonitoringArgs { monitoring, prometheus_port } = args.monitoring;
    let env = Env::from(
        [
            ("PROMETHEUS_LISTEN", SocketAddr::new(args.bind.addresses()[0], prometheus_port).to_string()),
            ("PROMETHEUS_TARGETS", targets.join(" ")),
            ("PROMETHEUS_DIR", args.dir.join("prometheus").display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    monitoring.then(|| Plan {
        name: "prometheus".to_owned(),
        program: Program::Dev,
        role: "prometheus".to_owned(),
        bind: args.bind.clone(),
        port: prometheus_port,
        ready: Probe("/-/ready", b" 200"),
        farewell: Signal::SIGTERM,
        env,
    })
}
