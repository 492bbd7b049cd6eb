//! The sender of the current request, available to handlers without passing it through every signature.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use contract::RequestId;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use platform_settings::Proxies;
use platform_telemetry::traces::TraceContext;

use crate::requester::Requester;

/// The address of the peer of the connection, set in the request's extensions by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The sender of a request, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The client's address: the peer's or, behind a trusted proxy, the forwarded one.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: Option<RequestId>,
    user_agent: Option<HeaderValue>,
    trace: Option<TraceContext>,
    /// The trace of the client, also when traces are not exported.
    logged_trace: Option<TraceContext>,
    /// Shared with the access log.
    user: Arc<OnceLock<i64>>,
    /// Whether a trusted proxy forwarded the request.
    by_proxy: bool,
    requester: Option<Arc<Requester>>,
}

tokio::task_local! {
    static SENDER: Sender;
}

impl Sender {
    /// The sender of the current request; the default outside of requests.
    pub fn current() -> Self {
        SENDER.try_with(Clone::clone).unwrap_or_default()
    }

    /// The trace of the current request, for work that is handed on; `None` when traces are not exported.
    pub fn current_trace() -> Option<TraceContext> {
        SENDER.try_with(|sender| sender.trace).ok().flatten()
    }

    /// The id and the trace of the current request, for log lines.
    pub fn in_log() -> Option<(RequestId, Option<TraceContext>)> {
        SENDER.try_with(|sender| Some((sender.request.clone()?, sender.logged_trace))).ok().flatten()
    }

    /// A sender for work that goes on apart from the request: it keeps the ids for the log and counts for no subject.
    pub fn for_log() -> Self {
        match Self::in_log() {
            Some((request, trace)) => Self::named(request, trace),
            None => Self::default(),
        }
    }

    /// A sender with a request's ids for the log, which counts for no subject.
    pub fn named(request: RequestId, trace: Option<TraceContext>) -> Self {
        Self { request: Some(request), logged_trace: trace, ..Self::default() }
    }

    /// The trace in log lines.
    pub fn logged_trace(&self) -> Option<TraceContext> {
        self.logged_trace
    }

    /// Records the authenticated user of the current request, for the log.
    pub fn identify(user: i64) {
        let _ = SENDER.try_with(|sender| sender.user.set(user));
    }

    /// The user, shared, so that it can be read when it becomes known.
    pub fn identity(&self) -> Arc<OnceLock<i64>> {
        Arc::clone(&self.user)
    }

    /// Whether it came through a trusted proxy, which may see the authenticated user.
    pub fn is_by_proxy(&self) -> bool {
        self.by_proxy
    }

    /// The requester that the current request counts for; `None` in background work.
    pub fn requester() -> Option<Arc<Requester>> {
        SENDER.try_with(|sender| sender.requester.clone()).ok().flatten()
    }

    /// The same sender, counting for `requester`.
    pub fn counted(self, requester: Arc<Requester>) -> Self {
        Self { requester: Some(requester), ..self }
    }

    /// The `User-Agent` header field.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_ref()?.to_str().ok()
    }

    /// Runs work as part of this sender's request: [`Sender::current`] returns it there.
    // Not an async fn: it would keep the work twice.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        SENDER.scope(self, work)
    }

    /// The same for synchronous work.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        SENDER.sync_scope(self, work)
    }

    /// Runs work that counts for no subject, whichever request waits for it.
    pub(crate) fn nobodys<F: Future>(work: F) -> impl Future<Output = F::Output> {
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
