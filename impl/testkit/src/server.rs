//! A service on a real port of this machine, with everything that surrounds it in production.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::Router;
use platform::http::{App, Description, Readiness, listen, serve};
use platform::settings::HttpSettings;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::raw;
use crate::settings::read;
use crate::{Answer, Client};

/// A server that runs until it is dropped.
pub struct TestServer {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl TestServer {
    /// Serves a generated router on a free port, with default HTTP settings except for these flags.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(description: Description, router: Router, needs: Readiness, flags: &[&str]) -> Self {
        Self::start_with(description, router, needs, flags, |_| ())
    }

    /// The same; `prepare` gets the app before it is served, to add what a service adds.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start_with(
        description: Description,
        router: Router,
        needs: Readiness,
        flags: &[&str],
        prepare: impl FnOnce(&App),
    ) -> Self {
        let mut all = vec!["--shutdown-drain-ms", "0"];
        all.extend(flags);
        let settings: HttpSettings = read(&all);
        let app = App::new(description, router, &settings, needs);
        prepare(&app);
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shutdown = CancellationToken::new();
        let end = shutdown.clone();
        let served =
            tokio::spawn(async move { serve(vec![(listener, app)], &settings, end, CancellationToken::new()).await });
        Self { address, shutdown, served }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An unauthenticated client of it.
    pub fn client(&self) -> Client {
        Client::new(format!("http://{}", self.address))
    }

    /// Starts its shutdown, without waiting for it.
    pub fn ask_to_stop(&self) {
        self.shutdown.cancel();
    }

    /// Shuts it down; returns how long that took.
    ///
    /// # Panics
    /// When serving panicked.
    pub async fn stop(mut self) -> Duration {
        let asked = Instant::now();
        self.shutdown.cancel();
        (&mut self.served).await.expect("serving ends well");
        asked.elapsed()
    }

    /// Sends raw bytes and reads the response: for requests that no HTTP client would send.
    ///
    /// # Panics
    /// When there is no response.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> Answer {
        raw::exchange(self.address, request.as_ref()).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
