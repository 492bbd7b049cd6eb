//! Attempts at one account wait for each other in the order they came, in a bounded queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use platform_admission::{Gate, Keep, Permit};

use crate::subject::Digest;

/// How long an attempt waits for others, as long as a password may wait to be hashed.
pub(super) const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many attempts at one account may wait.
const MAX_QUEUED_ATTEMPTS: usize = 256;

/// A gate for each account with pending attempts.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Digest, Arc<Gate>>>);

/// An attempt's place at its gate, waiting or admitted.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: Digest,
    gate: Arc<Gate>,
    _permit: Option<Permit>,
}

impl Turns {
    /// Waits until fewer than `amount` are inside; `None` when too many wait, or the wait times out.
    pub(super) async fn take(&self, key: &Digest, amount: u32) -> Option<Turn<'_>> {
        let new = || Arc::new(Gate::new(amount as usize, MAX_QUEUED_ATTEMPTS, QUEUE_TIMEOUT, Keep::Nothing));
        let gate = Arc::clone(self.gates().entry(key.clone()).or_insert_with(new));
        let mut turn = Turn { turns: self, key: key.clone(), gate, _permit: None };
        turn._permit = Some(turn.gate.enter().await.ok()?);
        Some(turn)
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Gate>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut gates = self.turns.gates();
        // The two references are the map's and this one: no other attempt is there, and none can come while the map is locked.
        if Arc::strong_count(&self.gate) == 2 {
            gates.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_are_inside_the_next_waits_and_nothing_stays_behind() {
        let (turns, a, b) = (Turns::default(), vec![1], vec![2]);
        let (first, second) = (turns.take(&a, 2).await, turns.take(&a, 2).await);
        assert!(first.is_some() && second.is_some());
        assert!(turns.take(&a, 2).await.is_none(), "it waited in vain");
        assert!(turns.take(&b, 2).await.is_some(), "another account");
        let (third, ()) = tokio::join!(turns.take(&a, 2), async { drop(first) });
        assert!(third.is_some());
        assert_eq!(turns.gates().len(), 1);
        drop((second, third));
        assert_eq!(turns.gates().len(), 0);
    }
}
