//! What the document declares about an operation, and what a service implements for it.

use std::time::Duration;

use conformance::Responses;
use wire::{BodyRule, Statuses};

use crate::answer::Reply;
use crate::requirement::Alternatives;
use crate::{Problem, Quota, RateLimit, StorageQuota, TokenEndpoint};

/// One operation of the document. Generated as a constant; the policies in it are enforced by this crate.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`: the metric label and the span name.
    pub id: &'static str,
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path template.
    pub path: &'static str,
    /// Who may call it.
    pub security: Security,
    /// What it reads, if it reads a body.
    pub body: Option<BodyRule>,
    /// `x-deadline-ms`: the whole of authentication, reading, handling and encoding.
    pub deadline: Duration,
    /// `x-read`: which server of Postgres it reads from.
    pub read: ReadFrom,
    /// `x-rate-limit`: how often it may be called; empty when the document has no limit.
    pub rate_limits: &'static [RateLimit],
    /// `x-quotas`: how many things it may add to; counted by its handler.
    pub quotas: &'static [StorageQuota],
    /// `x-event-streams`: how many streams of it one client may have open in a process; `None` when it streams no events.
    pub event_streams: Option<u32>,
    /// `x-unknown-parameters: refuse`: the names its query may have beside those of its parameters; `None` when others are ignored.
    pub query: Option<&'static [&'static str]>,
    /// `x-codes`: its own error codes, beside those of any operation and of its quotas; `*` stands for any.
    pub codes: &'static [&'static str],
    /// `x-token-endpoint`: when it is one.
    pub token_endpoint: Option<TokenEndpoint>,
    /// Every status the document declares for it.
    pub statuses: Statuses,
    /// What the document says of its responses; nothing for an operation that was not generated.
    pub responses: Option<&'static Responses>,
    /// The media types of its successes, if the document declares 406: a client that accepts none of them gets that.
    pub produces: &'static [&'static str],
    /// Error responses to which the document gives a shape of their own, instead of a problem document.
    pub refusals: &'static [(Statuses, Shape)],
    /// Whether its 200 has an `ETag`; if it also declares 304, it supports conditional requests (RFC 9110, 13).
    pub etag: bool,
}

/// Where an operation reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadFrom {
    /// From the primary: what is read is the latest.
    #[default]
    Primary,
    /// From a replica: what is read may be a moment old.
    Replica,
    /// From a replica that has what its caller wrote before, else from the primary; for callers that are not known from the primary.
    AfterWrite,
}

/// How a problem is told in a shape of the document; nothing where that has no place for it.
pub type Shape = fn(&Problem) -> Option<Reply>;

impl Operation {
    /// An operation of which the document says nothing: public, without a body, with the default deadline.
    pub const NEW: Self = Self {
        id: "",
        method: "GET",
        path: "/",
        security: Security::Public,
        body: None,
        deadline: Duration::from_secs(10),
        read: ReadFrom::Primary,
        rate_limits: &[],
        quotas: &[],
        event_streams: None,
        query: None,
        codes: &[],
        token_endpoint: None,
        statuses: Statuses::of(&[]),
        responses: None,
        produces: &[],
        refusals: &[],
        etag: false,
    };

    /// The quota with the error code `code`. Evaluated in a constant, so that a code the document does not have does not
    /// compile: `const PROJECTS: &StorageQuota = CREATE_PROJECT.quota("too_many_projects");`
    ///
    /// # Panics
    /// When the document gives the operation no such quota.
    pub const fn quota(&self, code: &str) -> &'static StorageQuota {
        let mut at = 0;
        while at < self.quotas.len() {
            if equal(self.quotas[at].code.as_bytes(), code.as_bytes()) {
                return &self.quotas[at];
            }
            at += 1;
        }
        panic!("the document gives this operation no quota of that code")
    }

    /// An error response in the format of this operation, wherever the error came from.
    pub fn refusal(&self, problem: Problem) -> Problem {
        match self.token_endpoint {
            Some(_) => TokenEndpoint::refusal(problem),
            None => problem,
        }
    }
}

const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Public; a token is ignored.
    Public,
    /// Public, but a token that is sent must be valid and have every one of these scopes.
    Optional(&'static [&'static str]),
    /// Bearers of a token that has every one of these scopes.
    Scopes(&'static [&'static str]),
    /// Credentials of the document's own schemes, by one of the alternatives.
    Schemes(Alternatives),
    /// Public, but credentials that are sent must be valid.
    OptionalSchemes(Alternatives),
}

/// What every generated trait of a service builds on.
pub trait Api: Send + Sync + 'static {
    /// What authentication yields.
    type Caller: Caller;
    /// What handlers fail with.
    type Error: Into<Problem> + From<Problem> + Send;

    /// The caller a bearer token stands for.
    ///
    /// # Errors
    /// 401 `invalid_token` for a token that is invalid or expired.
    fn authenticate(&self, token: &str) -> impl Future<Output = Result<Self::Caller, Self::Error>> + Send;

    /// Called once for each request, as soon as its caller is known and before anything else is done for it.
    ///
    /// # Errors
    /// 429 when nothing may be done for this caller now.
    fn enter(&self, operation: &'static Operation, caller: Option<&Self::Caller>) -> Result<(), Self::Error> {
        let _ = (operation, caller);
        Ok(())
    }

    /// Counts a request for an operation that has [rate limits](Operation::rate_limits), before its body is read; for other
    /// operations it is not called. The response has what is left. Limits [that count failures](crate::CountedBy::counts_failures)
    /// are counted by the handler instead.
    ///
    /// # Errors
    /// 429 `rate_limited` when there were too many.
    fn admit(
        &self,
        operation: &'static Operation,
        caller: Option<&Self::Caller>,
    ) -> impl Future<Output = Result<Vec<Quota>, Self::Error>> + Send;
}

/// A service that leaves to something else who may call it, and how often.
pub trait Guarded: Send + Sync + 'static {
    /// What decides that.
    type Access: Api;

    /// What decides that for this service.
    fn access(&self) -> &Self::Access;
}

impl<S: Guarded> Api for S {
    type Caller = <S::Access as Api>::Caller;
    type Error = <S::Access as Api>::Error;

    fn authenticate(&self, token: &str) -> impl Future<Output = Result<Self::Caller, Self::Error>> + Send {
        self.access().authenticate(token)
    }

    fn enter(&self, operation: &'static Operation, caller: Option<&Self::Caller>) -> Result<(), Self::Error> {
        self.access().enter(operation, caller)
    }

    fn admit(
        &self,
        operation: &'static Operation,
        caller: Option<&Self::Caller>,
    ) -> impl Future<Output = Result<Vec<Quota>, Self::Error>> + Send {
        self.access().admit(operation, caller)
    }
}

/// An authenticated caller.
pub trait Caller: Send + Sync + 'static {
    /// Whether the caller holds a scope of the document.
    fn has_scope(&self, scope: &str) -> bool;
}
