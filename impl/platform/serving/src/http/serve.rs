//! Accepting connections and shutting them down.
//!
//! An accept loop of its own, because axum's lets every slow or idle connection stay for ever and waits for idle ones on
//! shutdown. Every connection here is bounded in time by the head of its next request, its body and its reader.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use platform_admission::{Peer, Stock, Subject};
use platform_settings::HttpSettings;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::app::App;
use super::connection::{WRITE_BUFFER_BYTES, Watched};

/// The timeout of a request's head, and so of an idle connection. A gateway must close its idle connections earlier.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer heads are rejected by hyper; shorter ones above [`App`]'s own limit by the app, with a problem document.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// How many times the remaining connections an address may have: alone four fifths.
const ADDRESS_SHARE_FACTOR: f64 = 4.0;
/// Between the end of listening and the shutdown of idle connections.
const IDLE_CLOSE_DELAY: Duration = Duration::from_millis(200);
/// How long requests in progress may take at shutdown; the deadline of an operation is shorter.
const SHUTDOWN_GRACE_PERIOD: Duration = Duration::from_secs(12);
/// The accept queue of the kernel, in connections.
const BACKLOG: u32 = 4_096;
/// The kernel's send buffer of a connection in bytes; Linux doubles it.
const SEND_BUFFER_BYTES: u32 = 128 * 1024;
/// File descriptors reserved for everything but client connections.
const RESERVED_FILES: u64 = 256;

/// Listens on an address; port 0 picks a free one.
///
/// # Errors
/// When the address is in use or not one of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Inherited by every connection. By default the kernel keeps megabytes for each client that does not read.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A token that is cancelled by SIGTERM or SIGINT. A second signal ends the process at once.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        cancel.cancel();
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        std::process::exit(130);
    });
    Ok(token)
}

/// Serves each app on its listener until `shutdown` is cancelled, then waits for requests in progress.
///
/// First readiness turns 503 and responses carry `Connection: close`, while requests are served as before. After
/// `shutdown_drain_ms` nobody should send any more: `stopping` is cancelled, listening ends, idle connections are closed and the
/// others may finish; what is left after 12 s is closed.
pub async fn serve(
    services: Vec<(TcpListener, App)>,
    settings: &HttpSettings,
    shutdown: CancellationToken,
    stopping: CancellationToken,
) {
    let limit = connection_limit(settings.http_max_connections as usize);
    let server = Arc::new(Server {
        places: Arc::new(Semaphore::new(limit)),
        by_address: Stock::new(limit, ADDRESS_SHARE_FACTOR, usize::MAX),
        connections: TaskTracker::new(),
        farewell: CancellationToken::new(),
        cut: CancellationToken::new(),
    });
    let listening = CancellationToken::new();
    let apps: Vec<App> = services.iter().map(|(_, app)| app.clone()).collect();
    let accepting = TaskTracker::new();
    for (listener, app) in services {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(service.name = app.service(), %address, "listening");
        }
        accepting.spawn(Arc::clone(&server).accept(listener, app, listening.clone()));
    }
    accepting.close();
    shutdown.cancelled().await;

    tracing::info!("shutting down");
    apps.iter().for_each(App::drain);
    sleep(Duration::from_millis(settings.shutdown_drain_ms)).await;
    stopping.cancel();
    listening.cancel();
    accepting.wait().await;
    // The latest connection has a request in transit; its response says that the connection closes.
    sleep(IDLE_CLOSE_DELAY).await;
    server.farewell.cancel();
    server.connections.close();
    if timeout(SHUTDOWN_GRACE_PERIOD, server.connections.wait()).await.is_err() {
        tracing::warn!(connections = server.connections.len(), "connections closed by force at shutdown");
        server.cut.cancel();
        server.connections.wait().await;
    }
}

struct Server {
    places: Arc<Semaphore>,
    by_address: Stock,
    connections: TaskTracker,
    /// Cancelled when connections should finish their request and close.
    farewell: CancellationToken,
    /// Cancelled when connections must close.
    cut: CancellationToken,
}

impl Server {
    async fn accept(self: Arc<Self>, listener: TcpListener, app: App, listening: CancellationToken) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = listening.cancelled() => break,
            };
            match accepted {
                Ok((socket, _)) => self.welcome(socket, place, &app),
                // Closed by the client before it was accepted.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory: connections must close before another can be accepted.
                    tracing::warn!(%error, "accepting a connection failed");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // The kernel has accepted these clients already; closing the socket would reset them. Accepted directly, because the
        // runtime may not know of them yet.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((socket, _)) = listener.accept() {
            let place = Arc::clone(&self.places).try_acquire_owned();
            let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
            let (Ok(place), Ok(socket)) = (place, socket) else { break };
            self.welcome(socket, place, &app);
        }
    }

    fn welcome(self: &Arc<Self>, socket: TcpStream, place: OwnedSemaphorePermit, app: &App) {
        let peer = socket.peer_addr().ok().map(Peer);
        let counted = peer.map(|Peer(peer)| peer.ip()).filter(|peer| app.counts(*peer));
        let share = counted.map(|address| self.by_address.take(Subject::at(address), 1));
        if let Some(Err(_)) = share {
            // Closed without a response, which would have to wait for a request.
            app.shares().measurements.refused("connections", "share");
            return;
        }
        let (server, app) = (Arc::clone(self), app.clone());
        self.connections.spawn(async move {
            let _place = (place, share);
            let _open = app.measurements().connection();
            // Responses are written whole, so waiting for more to send only costs time.
            let _ = socket.set_nodelay(true);
            let service = service_fn(move |mut request| {
                let app = app.clone();
                if let Some(peer) = peer {
                    hyper::Request::extensions_mut(&mut request).insert(peer);
                }
                async move { Ok::<_, std::convert::Infallible>(app.handle(request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_header_size(MAX_HEAD_BYTES)
                .max_buf_size(WRITE_BUFFER_BYTES)
                .serve_connection(TokioIo::new(Watched::new(socket)), service);
            let mut connection = pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = server.farewell.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            tokio::select! {
                _ = connection.as_mut() => {}
                () = server.cut.cancelled() => {}
            }
        });
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Raises the limit of open files as far as possible and keeps the number of connections below it.
fn connection_limit(wanted: usize) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let needed = wanted as u64 + RESERVED_FILES;
    let open = if soft >= needed || setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard).is_err() {
        soft
    } else {
        needed.min(hard)
    };
    let room = open.saturating_sub(RESERVED_FILES).max(open / 2);
    usize::try_from(room).unwrap_or(wanted).min(wanted)
}
