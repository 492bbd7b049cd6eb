//! Ports: looking before taking, and asking whoever listens how it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use platform::settings::Bind;

const PATIENCE: Duration = Duration::from_secs(1);

/// Why the port cannot be had, so that it is told before anything starts.
pub(crate) fn check(bind: &Bind, port: u16) -> Result<(), String> {
    // A listener on every address and one on ours can coexist on some systems, and then clients find the wrong one.
    let taken = TcpStream::connect_timeout(&SocketAddr::new(bind.reachable(), port), PATIENCE).is_ok();
    for address in bind.at(port) {
        match TcpListener::bind(address) {
            Ok(_) if !taken => {}
            Err(error) if error.kind() != ErrorKind::AddrInUse => return Err(format!("cannot be used ({error})")),
            _ => return Err("is in use by another program".to_owned()),
        }
    }
    Ok(())
}

/// A path to GET and the status, after a space, of a process that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe(pub(crate) &'static str, pub(crate) &'static [u8; 4]);

/// Whether the process on that port passes the probe.
pub(crate) fn is_ready(bind: &Bind, port: u16, Probe(path, wanted): Probe) -> bool {
    let ask = || {
        let mut socket = TcpStream::connect_timeout(&SocketAddr::new(bind.reachable(), port), PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut status = [0; 12];
        socket.read_exact(&mut status).map(|()| status)
    };
    ask().is_ok_and(|status: [u8; 12]| status.ends_with(wanted))
}
