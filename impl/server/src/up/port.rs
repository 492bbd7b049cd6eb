//! Ports: looking before taking, and asking whoever listens how it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(1);

/// Why the port cannot be had, so that it is told before anything starts.
pub(crate) fn check(bind: IpAddr, port: u16) -> Result<(), String> {
    // A listener on every address and one on ours can coexist on some systems, and then clients find the wrong one.
    let taken = TcpStream::connect_timeout(&SocketAddr::new(reachable(bind), port), PATIENCE).is_ok();
    match TcpListener::bind((bind, port)) {
        Ok(_) if !taken => Ok(()),
        Err(error) if error.kind() != ErrorKind::AddrInUse => Err(format!("cannot be used ({error})")),
        _ => Err("is in use by another program".to_owned()),
    }
}

/// A path to GET and the status, after a space, of whoever is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe(pub(crate) &'static str, pub(crate) &'static [u8; 4]);

/// Whether who listens there answers the probe as it wants.
pub(crate) fn is_ready(bind: IpAddr, port: u16, Probe(path, wanted): Probe) -> bool {
    let ask = || {
        let mut socket = TcpStream::connect_timeout(&SocketAddr::new(reachable(bind), port), PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut status = [0; 12];
        socket.read_exact(&mut status).map(|()| status)
    };
    ask().is_ok_and(|status: [u8; 12]| status.ends_with(wanted))
}

/// An address to call what listens on `bind`.
pub(crate) fn reachable(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
