//! `x-idempotency`: a request with an `Idempotency-Key` is executed once; retries get the same response.
//!
//! Successes are stored, errors are not: nothing was done, and a retry may succeed after most of them (a state, a quota, a product that
//! does not exist yet). Errors that depend on the request alone are the same again without being stored.
//!
//! The document declares it; generated code passes the key to the handler, with a fingerprint of the request, and requires
//! a [`Once`] in return. The handler stores the response, in the transaction of the effect.

use validation::canonical::{self, write_length, write_text};
use wire::Parameter;
use xxhash_rust::xxh3::xxh3_128;

use crate::answer::{Answer, Reply, StoredReply};
use crate::input::{Content, Input, Rule};
use crate::problem::Problem;

/// The idempotency key of a request, if it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdempotencyKey(Option<Box<KeyedRequest>>);

impl IdempotencyKey {
    const PARAMETER: Parameter = Parameter::header("Idempotency-Key");

    /// The key; `None` when the client sent none.
    pub fn sent(self) -> Option<KeyedRequest> {
        self.0.map(|request| *request)
    }
}

impl From<Option<KeyedRequest>> for IdempotencyKey {
    fn from(request: Option<KeyedRequest>) -> Self {
        Self(request.map(Box::new))
    }
}

/// The key and fingerprint of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The key: 1 to 255 visible ASCII characters, unique per caller.
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
        let key = self.required(&IdempotencyKey::PARAMETER, rule)?;
        Some(IdempotencyKey::from(Some(KeyedRequest::new(self, key))))
    }

    /// As [`Input::idempotency_key`], but it may be absent (`x-idempotency: optional`).
    pub fn optional_idempotency_key(&mut self, rule: Rule<'r, String>) -> Option<IdempotencyKey> {
        let key = self.optional(&IdempotencyKey::PARAMETER, rule)?;
        Some(IdempotencyKey::from(key.map(|key| KeyedRequest::new(self, key))))
    }
}

/// Not a secret: a client that finds two requests of one fingerprint has deceived itself only.
fn fingerprint(input: &Input<'_>) -> u128 {
    let mut bytes = Vec::with_capacity(256);
    write_text(b's', input.operation.id, &mut bytes);
    let path: Vec<_> = input.path.decoded().collect();
    write_length(b'p', path.len(), &mut bytes);
    for (name, value) in path {
        write_text(b's', name, &mut bytes);
        write_text(b't', &value, &mut bytes);
    }
    // Stable: values of one name are an array, and its order may matter.
    let mut query: Vec<_> = input.query.iter().filter(|pair| !pair.is_cache_buster()).collect();
    query.sort_by(|a, b| a.name.cmp(&b.name));
    write_length(b'q', query.len(), &mut bytes);
    for pair in query {
        write_text(b's', &pair.name, &mut bytes);
        write_text(b't', &pair.value, &mut bytes);
    }
    write_length(b'b', usize::from(!matches!(input.body, Content::Absent)), &mut bytes);
    match &input.body {
        // What is read by the handler is not known yet.
        Content::Absent | Content::Stream(_) => (),
        Content::Value(body) => canonical::write(body, &mut bytes),
        Content::Bytes(body) => bytes.extend_from_slice(body),
        Content::Parts(parts) => parts.write(&mut bytes),
    }
    xxh3_128(&bytes)
}

/// The response of an operation with `x-idempotency`.
#[must_use]
pub enum Once<R> {
    /// To a request without a key: it was executed, and its response is not stored.
    Fresh(R),
    /// To a request with a key that was executed now, encoded because it was stored.
    Encoded(Reply),
    /// The stored response of an earlier request with this key.
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
