//! Who sent the request that is being worked on: known to handlers without being handed through every signature.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use contract::RequestId;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use platform_settings::Proxies;
use platform_telemetry::traces::TraceContext;

use crate::requester::Requester;

/// The address at the other end of the connection; placed in the request's extensions by whoever accepted it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Who sent a request, as far as that can be told.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The client's address: the peer's or, where the peer is a proxy that is trusted, what that says.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: Option<RequestId>,
    user_agent: Option<HeaderValue>,
    trace: Option<TraceContext>,
    /// That of whoever asks, also where nobody is told of traces.
    logged_trace: Option<TraceContext>,
    /// Shared with whoever writes the line of the request.
    user: Arc<OnceLock<i64>>,
    /// Whether a proxy that is trusted handed it on.
    by_proxy: bool,
    requester: Option<Arc<Requester>>,
}

tokio::task_local! {
    static SENDER: Sender;
}

impl Sender {
    /// The sender of the request this task is working on; nobody outside of one.
    pub fn current() -> Self {
        SENDER.try_with(Clone::clone).unwrap_or_default()
    }

    /// The trace of the request this task is working on, for what that leaves to others; nothing when nobody is told.
    pub fn current_trace() -> Option<TraceContext> {
        SENDER.try_with(|sender| sender.trace).ok().flatten()
    }

    /// What tells in the log which request this task is working on: its id and its trace.
    pub fn in_log() -> Option<(RequestId, Option<TraceContext>)> {
        SENDER.try_with(|sender| Some((sender.request.clone()?, sender.logged_trace))).ok().flatten()
    }

    /// Who is named in the log by what goes on apart from the request: it counts for nobody.
    pub fn for_log() -> Self {
        match Self::in_log() {
            Some((request, trace)) => Self::named(request, trace),
            None => Self::default(),
        }
    }

    /// A sender of whom the log tells the request, and who counts for nobody.
    pub fn named(request: RequestId, trace: Option<TraceContext>) -> Self {
        Self { request: Some(request), logged_trace: trace, ..Self::default() }
    }

    /// The trace that the log tells.
    pub fn logged_trace(&self) -> Option<TraceContext> {
        self.logged_trace
    }

    /// Tells who it is that the request of this task came from, once that is known; for the log.
    pub fn identify(user: i64) {
        let _ = SENDER.try_with(|sender| sender.user.set(user));
    }

    /// Who it turned out to be, also later.
    pub fn identity(&self) -> Arc<OnceLock<i64>> {
        Arc::clone(&self.user)
    }

    /// Whether it came by a proxy that is trusted, and so may be told of whom it came from.
    pub fn is_by_proxy(&self) -> bool {
        self.by_proxy
    }

    /// On whose account the request this task is working on is done; nobody's in background work.
    pub fn requester() -> Option<Arc<Requester>> {
        SENDER.try_with(|sender| sender.requester.clone()).ok().flatten()
    }

    /// The same, counting for somebody.
    pub fn counted(self, requester: Arc<Requester>) -> Self {
        Self { requester: Some(requester), ..self }
    }

    /// The `User-Agent` field.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_ref()?.to_str().ok()
    }

    /// Does work as part of the request of this sender: [`Sender::current`] is this one in it.
    // Not an async fn: it would keep the work twice.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        SENDER.scope(self, work)
    }

    /// The same for work that does not wait.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        SENDER.sync_scope(self, work)
    }

    /// Does work as nobody's, whoever waits for it.
    pub fn nobodys<F: Future>(work: F) -> impl Future<Output = F::Output> {
        SENDER.scope(Self::default(), work)
    }

    /// The sender of a request with these header fields, from this peer.
    pub fn of(
        peer: Option<Peer>,
        headers: &HeaderMap,
        trusted: &Proxies,
        trace: Option<TraceContext>,
        request: RequestId,
    ) -> Self {
        Self {
            request: Some(request),
            address: peer.map(|Peer(peer)| trusted.client(peer.ip().to_canonical(), headers)),
            user_agent: headers.get(USER_AGENT).cloned(),
            trace,
            logged_trace: trace.or_else(|| TraceContext::of(headers)),
            user: Arc::default(),
            by_proxy: peer.is_some_and(|Peer(peer)| trusted.trust(peer.ip().to_canonical())),
            requester: None,
        }
    }
}
