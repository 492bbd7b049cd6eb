//! Network faults on demand: a TCP proxy that passes, delays, swallows or resets what goes through it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They pass.
    Pass,
    /// They are delayed, in both directions; the throughput is not limited.
    Delay(Duration),
    /// Nothing passes: data is held back until the fault ends, new connections are accepted and lead nowhere.
    Blackhole,
    /// Connections are reset, existing and new ones.
    Reset,
}

/// A proxy in front of one server. Stops when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    url: String,
    fault: watch::Sender<Fault>,
    /// How often the open connections became unresponsive for ever.
    silenced: watch::Sender<u64>,
    stop: CancellationToken,
}

impl FaultProxy {
    /// Starts in front of the server of a URL such as `redis://:password@127.0.0.1:6379/0`.
    ///
    /// # Panics
    /// When the URL has no host and port, or no port is free.
    pub async fn start(target: &str) -> Self {
        let (before, authority, after) = authority(target).expect("a URL with a host and a port");
        let server = lookup_host(authority).await.ok().and_then(|mut found| found.next()).expect("the host is known");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (fault, seen) = watch::channel(Fault::Pass);
        let (silenced, heard) = watch::channel(0);
        let stop = CancellationToken::new();
        let url = format!("{before}{address}{after}");
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, server, (seen, heard), stop.clone())));
        Self { address, url, fault, silenced, stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server through this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The fault from now on, also of open connections.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Open connections become unresponsive, in both directions and for ever, as behind a firewall that dropped its state; new
    /// connections are not affected.
    pub fn silence_open(&self) {
        self.silenced.send_modify(|times| *times += 1);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Splits a URL into the parts before `host:port`, that, and after it.
fn authority(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    url[start..end].contains(':').then(|| (&url[..start], &url[start..end], &url[end..]))
}

/// The current fault, and how often open connections became unresponsive.
type Faults = (watch::Receiver<Fault>, watch::Receiver<u64>);

async fn accept(listener: TcpListener, server: SocketAddr, (fault, silenced): Faults, stop: CancellationToken) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let silence = Silence { born: *silenced.borrow(), times: silenced.clone() };
        let connection = serve(client, server, fault.clone(), silence);
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            // Whatever ended the connection, both sides have noticed.
            let _ = connection.await;
        }));
    }
}

/// One connection, until its end or its reset.
async fn serve(
    mut client: TcpStream,
    server: SocketAddr,
    mut fault: watch::Receiver<Fault>,
    silence: Silence,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    if until(&mut fault, |fault| fault != Fault::Blackhole).await == Some(Fault::Reset) {
        return client.set_zero_linger();
    }
    let mut upstream = TcpStream::connect(server).await?;
    upstream.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = upstream.split();
    let mut reset = fault.clone();
    tokio::select! {
        Some(_) = until(&mut reset, |fault| fault == Fault::Reset) => {}
        both = async {
            let up = pump(from_client, to_server, fault.clone(), silence.clone());
            let down = pump(from_server, to_client, fault.clone(), silence);
            tokio::try_join!(up, down)
        } => if both.is_ok() { return Ok(()) },
    }
    // Dropping both sends a reset. So it does when one side broke off: the other must not take that for an orderly end.
    client.set_zero_linger()?;
    upstream.set_zero_linger()
}

/// The fault, once it is one of the wanted ones; `None` when the proxy is dropped.
async fn until(fault: &mut watch::Receiver<Fault>, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
    fault.wait_for(|fault| wanted(*fault)).await.ok().map(|fault| *fault)
}

/// Whether a connection became unresponsive.
#[derive(Clone)]
struct Silence {
    born: u64,
    times: watch::Receiver<u64>,
}

impl Silence {
    async fn bear(&self) {
        if *self.times.borrow() > self.born {
            std::future::pending::<()>().await;
        }
    }
}

/// One direction. Reading and writing are separate, so that a delay does not limit the throughput.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut fault: watch::Receiver<Fault>,
    silence: Silence,
) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let read = async move {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut piece).await?;
            if count == 0 || sender.send((Instant::now(), piece[..count].to_vec())).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((arrived, piece)) = pieces.recv().await {
            if let Some(Fault::Delay(delay)) = until(&mut fault, |fault| fault != Fault::Blackhole).await {
                sleep_until(arrived + delay).await;
            }
            silence.bear().await;
            to.write_all(&piece).await?;
        }
        // An end does not pass either.
        silence.bear().await;
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}
