//! The moment from which a server can be connected to.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, ensure};
use backends::Daemon;
use tokio::task::block_in_place;

const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Waits until a server accepts connections.
pub(crate) fn listens_within(daemon: &mut Daemon, address: SocketAddr) -> Result<()> {
    let listens = |_| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
    let ready = block_in_place(|| daemon.until(START_TIMEOUT, &AtomicBool::new(false), listens))?;
    ensure!(ready, "the port of {address} is in use");
    Ok(())
}
