//! Who sent the request that is being worked on: known to handlers without being handed through every signature.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use contract::RequestId;
use http::header::{HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

use crate::settings::InvalidSettings;
use crate::shares::Requester;
use crate::traces::TraceContext;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of the connection; placed in the request's extensions by whoever accepted it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Who sent a request, as far as that can be told.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The client's address: the peer's or, where the peer is a proxy that is trusted, what that says.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub(crate) request: Option<RequestId>,
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
    pub(super) static SENDER: Sender;
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
    pub(crate) fn in_log() -> Option<(RequestId, Option<TraceContext>)> {
        SENDER.try_with(|sender| Some((sender.request.clone()?, sender.logged_trace))).ok().flatten()
    }

    /// Who is named in the log by what goes on apart from the request: it counts for nobody.
    pub(crate) fn for_log() -> Self {
        match Self::in_log() {
            Some((request, trace)) => Self::named(request, trace),
            None => Self::default(),
        }
    }

    pub(super) fn named(request: RequestId, trace: Option<TraceContext>) -> Self {
        Self { request: Some(request), logged_trace: trace, ..Self::default() }
    }

    /// The trace that the log tells.
    pub(super) fn logged_trace(&self) -> Option<TraceContext> {
        self.logged_trace
    }

    /// Tells who it is that the request of this task came from, once that is known; for the log.
    pub fn identify(user: i64) {
        let _ = SENDER.try_with(|sender| sender.user.set(user));
    }

    /// Who it turned out to be, also later.
    pub(super) fn identity(&self) -> Arc<OnceLock<i64>> {
        Arc::clone(&self.user)
    }

    /// Whether it came by a proxy that is trusted, and so may be told of whom it came from.
    pub(super) fn is_by_proxy(&self) -> bool {
        self.by_proxy
    }

    pub(crate) fn requester() -> Option<Arc<Requester>> {
        SENDER.try_with(|sender| sender.requester.clone()).ok().flatten()
    }

    /// The same, counting for somebody.
    pub(super) fn counted(self, requester: Arc<Requester>) -> Self {
        Self { requester: Some(requester), ..self }
    }

    /// The `User-Agent` field.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_ref()?.to_str().ok()
    }

    /// Does work that goes on by itself with its lines in the log told apart by the request.
    pub(crate) async fn logged<F: Future>(self, work: F) -> F::Output {
        SENDER.scope(self, work).await
    }

    /// Does work as nobody's, whoever waits for it.
    pub(crate) async fn nobodys<F: Future>(work: F) -> F::Output {
        SENDER.scope(Self::default(), work).await
    }

    pub(super) fn of(
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

/// Proxies whose word on where a request comes from is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// From the right, the first address that no trusted proxy has: everything to the left of it could be made up.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let fields: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|field| field.to_str().ok()).collect();
        for hop in fields.iter().rev().flat_map(|field| field.rsplit(',')) {
            if !self.trust(client) {
                break;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
        }
        client
    }
}

impl FromStr for Proxies {
    type Err = InvalidSettings;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |one: &str| {
            let net = one.parse::<IpNet>().or_else(|_| one.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| InvalidSettings(format!("{one:?} is not an address or a network such as 10.0.0.0/8")))
        };
        text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in forwarded {
            headers.append(FORWARDED_FOR, field.parse().expect("a header"));
        }
        let trusted: Proxies = trusted.parse().expect("networks");
        trusted.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("", "10.0.0.9", &["1.2.3.4"]), "10.0.0.9");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", &["6.6.6.6, 1.2.3.4", "10.1.1.1"]), "1.2.3.4");
        assert_eq!(client("10.0.0.9", "10.0.0.9", &["6.6.6.6, nonsense"]), "10.0.0.9");
        assert_eq!(client("10.0.0.9, ::1", "::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("10.0.0.9", "10.0.0.9", &[]), "10.0.0.9");
        assert!("10.0.0.0/99".parse::<Proxies>().is_err());
    }
}
