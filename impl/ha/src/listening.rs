//! A server that listens at one address, and is started again with the same configuration.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, ensure};
use backends::Daemon;
use tokio::task::block_in_place;

use crate::site::Site;

const START_TIMEOUT: Duration = Duration::from_secs(15);

/// A running server, or one that was killed.
pub(crate) struct Listening {
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    daemon: Daemon,
    command: fn(&Site) -> Result<Command>,
    site: Arc<Site>,
}

impl Listening {
    /// Starts it in its folder, and waits until it accepts connections.
    pub(crate) fn start(
        site: &Arc<Site>,
        name: &str,
        folder: PathBuf,
        address: SocketAddr,
        command: fn(&Site) -> Result<Command>,
    ) -> Result<Self> {
        let daemon = site.start(name, &folder, command(site)?)?;
        let mut server = Self { folder, address, daemon, command, site: Arc::clone(site) };
        server.wait()?;
        Ok(server)
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.daemon.kill()
    }

    /// Starts it again after [`Listening::kill`].
    pub(crate) fn revive(&mut self) -> Result<()> {
        self.daemon.respawn(Site::inside(&self.folder, (self.command)(&self.site)?))?;
        self.wait()
    }

    /// Kills it and starts it again.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.revive()
    }

    fn wait(&mut self) -> Result<()> {
        let address = self.address;
        let listens = |_| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        let ready = block_in_place(|| self.daemon.until(START_TIMEOUT, &AtomicBool::new(false), listens))?;
        ensure!(ready, "the port of {address} is in use");
        Ok(())
    }
}
