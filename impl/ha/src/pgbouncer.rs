//! PgBouncer, in session or transaction mode.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use backends::free_port;

use crate::listening::Listening;
use crate::site::Site;

/// When a connection of Postgres is given to another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client has disconnected.
    Session,
    /// After each transaction.
    Transaction,
}

/// A running PgBouncer.
pub struct PgBouncer(Listening);

impl PgBouncer {
    /// Before one Postgres, with users and their passwords. Clients may send the startup parameters `ignored`, separated by
    /// commas, which have no effect then; those that send others are rejected.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        site: &Arc<Site>,
        name: &str,
        (server, mode): (SocketAddr, PoolMode),
        users: &[(String, String)],
        ignored: &str,
    ) -> Result<Self> {
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let (folder, port) = (site.folder(name)?, free_port()?);
        let users = users.iter().fold(String::new(), |mut text, (name, password)| {
            let _ = writeln!(text, "\"{name}\" \"{password}\"");
            text
        });
        site.write(&folder.join("users.txt"), &users)?;
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = users.txt\npool_mode = {mode}\nmax_client_conn = 500\ndefault_pool_size = 30\n\
             server_login_retry = 1\nquery_wait_timeout = 10\nserver_connect_timeout = 3\n\
             ignore_startup_parameters = {ignored}\n\n",
            server.ip(),
            server.port(),
        );
        site.write(&folder.join("pgbouncer.ini"), &text)?;
        Ok(Self(Listening::start(site, name, folder, (Ipv4Addr::LOCALHOST, port).into(), command)?))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.0.restart()
    }
}

fn command(site: &Site) -> Result<Command> {
    let mut command = site.programs.command("pgbouncer")?;
    command.arg("pgbouncer.ini");
    Ok(command)
}
