//! The gateway of `up`: in front of every replica it started, on one more port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use backends::Nginx;
use backends::process::Signal;

use super::args::UpArgs;
use super::environment::{self, Env};
use super::replicas::Replica;
use super::supervised::{Plan, Program};
use crate::console::say;
use crate::port::Probe;
use crate::ports::Replicas;

/// A gateway that can be started.
#[derive(Debug)]
pub(crate) struct Gateway {
    nginx: PathBuf,
}

impl Gateway {
    /// Looks for nginx before anything is started: without one there is no system to come up.
    pub(crate) fn find(args: &UpArgs) -> Result<Option<Self>> {
        if args.gateway.no_gateway {
            return Ok(None);
        }
        let found = Nginx::find(args.backends, &args.wheels, say)?;
        Ok(Some(Self { nginx: found.program }))
    }

    /// What the services must know: that its word on a client's address is good. It calls them from the address they
    /// are called at.
    pub(crate) fn introduce(args: &UpArgs, env: &mut Env) {
        if std::env::var("TRUSTED_PROXIES").unwrap_or_default().is_empty() {
            env.insert("TRUSTED_PROXIES".to_owned(), args.bind.reachable().to_string());
        }
    }

    /// How it is started.
    pub(crate) fn plan(&self, args: &UpArgs, replicas: &[Replica]) -> Plan {
        let mut upstreams: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for replica in replicas.iter().filter(|replica| replica.service.prefix.is_some()) {
            let address = SocketAddr::new(args.bind.reachable(), replica.port).to_string();
            upstreams.entry(Replicas::variable(replica.service)).or_default().push(address);
        }
        let mut env: Env = upstreams.into_iter().map(|(name, addresses)| (name, addresses.join(","))).collect();
        env.extend(environment::exposure(args));
        env.insert("PORT".to_owned(), args.gateway.gateway_port.to_string());
        env.insert("GATEWAY_NGINX".to_owned(), self.nginx.display().to_string());
        env.insert("GATEWAY_DIR".to_owned(), args.dir.join("gateway").display().to_string());
        env.extend(args.gateway.tls.env().map(|(name, value)| (name.to_owned(), value)));
        Plan {
            name: "gateway".to_owned(),
            program: Program::Dev,
            role: "gateway".to_owned(),
            bind: args.bind.clone(),
            port: args.gateway.gateway_port,
            // Asked without TLS, an nginx that wants it says so.
            ready: if args.gateway.tls.scheme() == "https" {
                Probe("/health", b" 400")
            } else {
                Probe("/health", b" 200")
            },
            // Answers under way end first; and its own processes, which would outlive its sudden death, end with it.
            farewell: Signal::SIGQUIT,
            env,
        }
    }
}
