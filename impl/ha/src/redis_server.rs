//! One Redis of several.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use backends::free_port;
use backends::process::{self, Signal};
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult};
use nix::sys::signal::kill;

use crate::certificates::Certificates;
use crate::cluster_plan::PASSWORD;
use crate::listening::Listening;
use crate::site::Site;

/// The timeout of a command; a server that loads its file or is frozen does not respond.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// A running `redis-server`, also one that is a sentinel.
pub struct RedisServer {
    server: Listening,
    sentinel: bool,
}

impl RedisServer {
    /// Starts one that keeps an append-only file and evicts nothing, with further lines of configuration.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(site: &Arc<Site>, name: &str, settings: &str) -> Result<Self> {
        let lines = format!(
            "requirepass {PASSWORD}\nmasterauth {PASSWORD}\nappendonly yes\nappendfsync everysec\nsave \"\"\n\
             maxmemory 128mb\nmaxmemory-policy noeviction\nrepl-diskless-sync-delay 0\n{settings}"
        );
        Self::launch(site, name, &lines, false)
    }

    /// Starts one that accepts clients over TLS only, beside its plain port on which replicas and tests connect: returns that port, too.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_tls(site: &Arc<Site>, name: &str, certificates: &Certificates) -> Result<(Self, u16)> {
        let (folder, port) = (site.folder(&format!("{name}-certificates"))?, free_port()?);
        site.write(&folder.join("server.crt"), &certificates.server)?;
        site.write(&folder.join("server.key"), &certificates.key)?;
        let folder = folder.display();
        let tls = format!(
            "tls-port {port}\ntls-cert-file {folder}/server.crt\ntls-key-file {folder}/server.key\n\
             tls-ca-cert-file {folder}/server.crt\ntls-auth-clients no\n"
        );
        Ok((Self::start(site, name, &tls)?, port))
    }

    /// Starts a sentinel.
    pub(crate) fn sentinel(site: &Arc<Site>, name: &str, settings: &str) -> Result<Self> {
        Self::launch(site, name, settings, true)
    }

    fn launch(site: &Arc<Site>, name: &str, settings: &str, sentinel: bool) -> Result<Self> {
        let (folder, port) = (site.folder(name)?, free_port()?);
        let lines = format!("bind 127.0.0.1\nport {port}\ndir \"{}\"\n{settings}\n", folder.display());
        // Both kinds of server write to it.
        site.write(&folder.join("redis.conf"), &lines)?;
        let command = if sentinel { sentinel_command } else { command };
        let server = Listening::start(site, name, folder, (Ipv4Addr::LOCALHOST, port).into(), command)?;
        Ok(Self { server, sentinel })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        redis_url(self.address(), self.sentinel)
    }

    /// A connection of the test's own.
    ///
    /// # Errors
    /// When it does not respond.
    pub async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let patience =
            AsyncConnectionConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
        Client::open(self.url())?.get_multiplexed_async_connection_with_config(&patience).await
    }

    /// Sends a command, on a connection of its own.
    ///
    /// # Errors
    /// When it does not respond, or with an error.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.connect().await?).await
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Starts it again after [`RedisServer::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&mut self) -> Result<()> {
        self.server.revive()
    }

    /// Sends it a signal, such as SIGSTOP.
    pub fn signal(&self, signal: Signal) {
        for process in process::below(&self.server.folder) {
            // It may have ended by now.
            let _ = kill(process, signal);
        }
    }
}

/// The URL of a Redis at an address; sentinels ask for no password.
pub(crate) fn redis_url(address: SocketAddr, sentinel: bool) -> String {
    if sentinel { format!("redis://{address}/0") } else { format!("redis://:{PASSWORD}@{address}/0") }
}

fn command(site: &Site) -> Result<Command> {
    let mut command = site.programs.command("redis-server")?;
    command.arg("redis.conf");
    Ok(command)
}

fn sentinel_command(site: &Site) -> Result<Command> {
    let mut command = command(site)?;
    command.arg("--sentinel");
    Ok(command)
}
