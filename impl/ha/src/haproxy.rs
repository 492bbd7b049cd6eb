//! HAProxy, which finds the primary by asking.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use backends::{Daemon, free_port};

use crate::listening::listens_within;
use crate::postgres_cluster::PostgresCluster;
use crate::redis_server::RedisServer;
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
    folder: PathBuf,
    daemon: Daemon,
    primary: SocketAddr,
    replicas: SocketAddr,
    site: Arc<Site>,
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

    /// Before several Redis: it asks each for its role.
    ///
    /// # Errors
    /// When it does not start.
    pub fn of_redis(site: &Arc<Site>, servers: &[RedisServer], password: &str) -> Result<Self> {
        let lines = servers.iter().fold(String::new(), |mut text, server| {
            let _ = writeln!(text, "    server {} {} check", server.name(), server.address());
            text
        });
        Self::start(site, "haproxy-redis", |primary, replicas| {
            let listen = |name, address, role| {
                format!(
                    "listen {name}\n    bind {address}\n    option tcp-check\n    tcp-check connect\n    \
                     tcp-check send AUTH\\ {password}\\r\\n\n    tcp-check expect string +OK\n    \
                     tcp-check send info\\ replication\\r\\n\n    tcp-check expect string role:{role}\n    \
                     tcp-check send QUIT\\r\\n\n    tcp-check expect string +OK\n{lines}"
                )
            };
            listen("primary", primary, "master") + &listen("replicas", replicas, "slave")
        })
    }

    fn start(site: &Arc<Site>, name: &str, listens: impl FnOnce(SocketAddr, SocketAddr) -> String) -> Result<Self> {
        let folder = site.folder(name)?;
        let address = || Ok::<_, anyhow::Error>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let (primary, replicas) = (address()?, address()?);
        site.write(&folder.join("haproxy.cfg"), &(DEFAULTS.to_owned() + &listens(primary, replicas)))?;
        let mut daemon = site.start(name, &folder, command(site)?)?;
        listens_within(&mut daemon, primary)?;
        Ok(Self { folder, daemon, primary, replicas, site: Arc::clone(site) })
    }

    /// Where the primary is.
    pub fn primary(&self) -> SocketAddr {
        self.primary
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
        self.daemon.kill()?;
        self.daemon.respawn(Site::inside(&self.folder, command(&self.site)?))?;
        listens_within(&mut self.daemon, self.primary)
    }
}

fn command(site: &Site) -> Result<Command> {
    let mut command = site.programs.command("haproxy")?;
    command.args(["-db", "-f", "haproxy.cfg"]);
    Ok(command)
}
