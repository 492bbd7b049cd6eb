//! A receiver: what it was sent, and its responses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// What tells whether it is known already.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

/// What a receiver does with its requests, one after the other; the last again and again.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// A status, with headers.
    Status(u16, &'static [(&'static str, &'static str)]),
    /// Nothing, ever.
    Silence,
    /// Nothing until it is told to; then 200.
    Held,
}

pub const OK: Reaction = Reaction::Status(200, &[]);

/// A receiver on a port of this machine. Clones are one.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    reactions: Vec<Reaction>,
    received: Mutex<Vec<Received>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    released: Notify,
}

impl Receiver {
    pub async fn new(reactions: impl Into<Vec<Reaction>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let shared = Arc::new(Shared {
            reactions: reactions.into(),
            received: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            released: Notify::new(),
        });
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(react).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What has come.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("nobody panicked").clone()
    }

    /// How much has come.
    pub fn count(&self) -> usize {
        self.received().len()
    }

    /// Most requests that were open at a time.
    pub fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    /// Ends every response that is held.
    pub fn release(&self) {
        self.shared.released.notify_waiters();
    }
}

/// Counts a request while it is open, also when the client goes away.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn react(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_at_once.fetch_max(now, Ordering::SeqCst);
    let _open = Open(&shared);
    let released = shared.released.notified();
    let reaction = {
        let mut received = shared.received.lock().expect("nobody panicked");
        let reaction = shared.reactions.get(received.len()).or(shared.reactions.last());
        received.push(Received { method, uri, headers, body });
        reaction.cloned().unwrap_or(OK)
    };
    match reaction {
        Reaction::Status(status, headers) => {
            let mut response = StatusCode::from_u16(status).expect("a status").into_response();
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().expect("a value"));
            }
            response
        }
        Reaction::Silence => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            StatusCode::OK.into_response()
        }
        Reaction::Held => {
            released.await;
            StatusCode::OK.into_response()
        }
    }
}
