//! HAProxy, which finds the primary by asking.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use backends::free_port;

use crate::listening::Listening;
use crate::postgres_cluster::PostgresCluster;
use crate::site::Site;

/// A replica that is further behind gets no reads.
const MAX_LAG: &str = "16MB";

/// As Patroni's documentation has it: servers are asked each second, and connections to one that is no longer what it was end.
const DEFAULTS: &str = "
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 2s
    timeout client 30m
    timeout server 30m
    timeout check 2s
    default-server inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
";

/// A running HAProxy. Its backends have no server until the first check.
pub struct HaProxy {
    server: Listening,
    replicas: SocketAddr,
}

impl HaProxy {
    /// Before a Postgres cluster: it asks the machines' Patroni.
    ///
    /// # Errors
    /// When it does not start.
    pub fn of_postgres(site: &Arc<Site>, cluster: &PostgresCluster) -> Result<Self> {
        let servers = cluster.nodes.iter().fold(String::new(), |mut text, node| {
            let (name, postgres, rest) = (&node.name, node.postgres(), node.rest().port());
            let _ = writeln!(text, "    server {name} {postgres} check port {rest}");
            text
        });
        Self::start(site, "haproxy", |primary, replicas| {
            let listen = |name, address, path| {
                format!(
                    "listen {name}\n    bind {address}\n    option httpchk OPTIONS {path}\n    http-check expect status 200\n{servers}"
                )
            };
            let replica = format!("/replica?lag={MAX_LAG}");
            listen("primary", primary, "/primary") + &listen("replicas", replicas, &replica)
        })
    }

    fn start(site: &Arc<Site>, name: &str, listens: impl FnOnce(SocketAddr, SocketAddr) -> String) -> Result<Self> {
        let folder = site.folder(name)?;
        let address = || Ok::<_, anyhow::Error>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let (primary, replicas) = (address()?, address()?);
        site.write(&folder.join("haproxy.cfg"), &(DEFAULTS.to_owned() + &listens(primary, replicas)))?;
        Ok(Self { server: Listening::start(site, name, folder, primary, command)?, replicas })
    }

    /// Where the primary is.
    pub fn primary(&self) -> SocketAddr {
        self.server.address
    }

    /// Where replicas are that are not far behind.
    pub fn replicas(&self) -> SocketAddr {
        self.replicas
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.server.restart()
    }
}

fn command(site: &Site) -> Result<Command> {
    let mut command = site.programs.command("haproxy")?;
    command.args(["-db", "-f", "haproxy.cfg"]);
    Ok(command)
}
