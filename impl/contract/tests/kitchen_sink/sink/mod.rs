//! A service that fills every trait of the kitchen sink and answers with what it was given.

mod answers;
mod bodies;
mod parameters;
mod policies;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;

use contract::{Answer, Api, Caller, IdempotencyKey, Once, Operation, Problem, Quota, StoredReply};
use kitchen_sink_api::models;

/// The service; all it keeps is answers by user and idempotency key, with the fingerprint of the request, and how many
/// requests of a class there were by a user.
#[derive(Default)]
pub struct Sink {
    pub kept: Mutex<HashMap<(i64, String), (u128, StoredReply)>>,
    /// Nothing is counted without it: most tests ask more often than they may.
    pub counts: Option<Mutex<HashMap<(i64, &'static str), u32>>>,
}

impl Sink {
    /// Does `work` unless it was done; it is told how many answers are kept already.
    fn once<R: Answer>(
        &self,
        caller: &Who,
        key: IdempotencyKey,
        work: impl FnOnce(usize) -> Result<R, Problem>,
    ) -> Result<Once<R>, Problem> {
        let Some(request) = key.sent() else { return work(0).map(Once::Fresh) };
        let mut kept = self.kept.lock().map_err(|_| Problem::internal("poisoned"))?;
        let count = kept.len();
        let place = match kept.entry((caller.id, request.key.clone())) {
            Entry::Occupied(known) if known.get().0 == request.fingerprint => {
                return Ok(Once::Replayed(known.get().1.clone()));
            }
            Entry::Occupied(_) => return Err(Problem::idempotency_key_reused()),
            Entry::Vacant(place) => place,
        };
        let reply = work(count).and_then(Answer::into_reply)?;
        place.insert((request.fingerprint, reply.stored()?));
        Ok(Once::Encoded(reply))
    }
}

/// Whom a token stands for.
pub struct Who {
    id: i64,
    scopes: &'static [&'static str],
}

impl Caller for Who {
    fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(&scope)
    }
}

impl Api for Sink {
    type Caller = Who;
    type Error = Problem;

    async fn authenticate(&self, token: &str) -> Result<Who, Problem> {
        match token {
            "of-user" => Ok(Who { id: 1, scopes: &["user"] }),
            "of-superuser" => Ok(Who { id: 2, scopes: &["user", "superuser"] }),
            "of-nobody" => Ok(Who { id: 3, scopes: &[] }),
            "store-is-down" => Err(Problem::unavailable("database_unavailable", "Try again.", 1)),
            _ => Err(Problem::unauthorized("invalid_token", "The token is not valid.")),
        }
    }

    /// Windows never end here.
    async fn admit(&self, operation: &'static Operation, caller: Option<&Who>) -> Result<Vec<Quota>, Problem> {
        let Some(counts) = &self.counts else { return Ok(Vec::new()) };
        let mut counts = counts.lock().map_err(|_| Problem::internal("poisoned"))?;
        let mut refused = false;
        let counted = operation.rate_limits.iter().filter(|limit| !limit.by.counts_failures());
        let quotas: Vec<Quota> = counted
            .map(|limit| {
                let count = counts.entry((caller.map_or(0, |who| who.id), limit.class)).or_default();
                *count += 1;
                refused |= *count > limit.amount;
                let remaining = limit.amount.saturating_sub(*count);
                let (class, amount, window_seconds) = (limit.class, limit.amount, limit.window_seconds);
                Quota { class, amount, window_seconds, remaining, reset_seconds: window_seconds }
            })
            .collect();
        if refused { Err(Problem::rate_limited(&quotas)) } else { Ok(quotas) }
    }
}

/// The thing every id stands for.
pub fn thing(id: i64) -> models::Thing {
    models::Thing { id: Some(id), name: "spoon".into(), note: None }
}
