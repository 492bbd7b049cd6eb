//! `x-idempotency`: a request that names itself by an `Idempotency-Key` is done once, and answered alike each time after that.
//!
//! Successes are kept, refusals are not: nothing was done, and most of them (a state, a quota, a product that is not there yet) may
//! be cured by time. What the request alone decides is refused anew, and alike, without being kept.
//!
//! The document declares it; generated code hands the handler the key with a fingerprint of what is asked, and takes
//! nothing but a [`Once`] in return. Keeping the answers is left to whoever has a store, in the transaction of the effect.

use validation::canonical::{self, write_length, write_text};
use xxhash_rust::xxh3::xxh3_128;

use crate::answer::{Answer, Reply, StoredReply};
use crate::input::{CACHE_BUSTER, Input, Rule};
use crate::problem::Problem;

/// What the client named its request, if it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdempotencyKey(Option<Box<KeyedRequest>>);

impl IdempotencyKey {
    pub(crate) const HEADER: &str = "Idempotency-Key";

    /// The request with its name; `None` when the client gave it none.
    pub fn sent(self) -> Option<KeyedRequest> {
        self.0.map(|request| *request)
    }
}

impl From<Option<KeyedRequest>> for IdempotencyKey {
    fn from(request: Option<KeyedRequest>) -> Self {
        Self(request.map(Box::new))
    }
}

/// A request that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The name: 1 to 255 visible ASCII characters, unique to the caller.
    pub key: String,
    /// A hash of the operation, its path and query parameters and the body's values. The order of members and of
    /// parameters of different names, white space and the spelling of numbers make no difference.
    pub fingerprint: u128,
}

impl KeyedRequest {
    pub(crate) fn new(input: &Input<'_>, key: String) -> Self {
        Self { key, fingerprint: fingerprint(input) }
    }
}

impl<'r> Input<'r> {
    /// The header `Idempotency-Key` (`x-idempotency: required`). To be taken before the body, which it remembers.
    pub fn idempotency_key(&mut self, rule: Rule<'r, String>) -> Option<IdempotencyKey> {
        let key = self.header(IdempotencyKey::HEADER, rule)?;
        Some(IdempotencyKey::from(Some(KeyedRequest::new(self, key))))
    }

    /// As [`Input::idempotency_key`], but it may be absent (`x-idempotency: optional`).
    pub fn optional_idempotency_key(&mut self, rule: Rule<'r, String>) -> Option<IdempotencyKey> {
        let key = self.optional_header(IdempotencyKey::HEADER, rule)?;
        Some(IdempotencyKey::from(key.map(|key| KeyedRequest::new(self, key))))
    }
}

/// Not a secret: a client that finds two requests of one fingerprint has deceived itself only.
fn fingerprint(input: &Input<'_>) -> u128 {
    let mut bytes = Vec::with_capacity(256);
    write_text(b's', input.operation.id, &mut bytes);
    let path: Vec<_> = input.path.iter().collect();
    write_length(b'p', path.len(), &mut bytes);
    for (name, value) in path {
        write_text(b's', name, &mut bytes);
        write_text(b't', value, &mut bytes);
    }
    // Stable: values of one name are an array, and its order may matter.
    let mut query: Vec<_> = input.query.iter().filter(|(name, _)| name != CACHE_BUSTER).collect();
    query.sort_by(|a, b| a.0.cmp(&b.0));
    write_length(b'q', query.len(), &mut bytes);
    for (name, value) in query {
        write_text(b's', name, &mut bytes);
        write_text(b't', value, &mut bytes);
    }
    write_length(b'b', usize::from(input.body.is_some()), &mut bytes);
    if let Some(body) = &input.body {
        canonical::write(body, &mut bytes);
    }
    xxh3_128(&bytes)
}

/// The answer of an operation with `x-idempotency`.
#[must_use]
pub enum Once<R> {
    /// To a request without a name: it was done, and its answer is not kept.
    Fresh(R),
    /// To a request with a name that was done now, encoded because it was kept.
    Encoded(Reply),
    /// What an earlier request of this name was answered when it was done.
    Replayed(StoredReply),
}

impl<R: Answer> Answer for Once<R> {
    fn into_reply(self) -> Result<Reply, Problem> {
        match self {
            Self::Fresh(answer) => answer.into_reply(),
            Self::Encoded(reply) => Ok(reply),
            Self::Replayed(stored) => Reply::from_stored(stored)?.header("idempotent-replayed", true),
        }
    }
}
