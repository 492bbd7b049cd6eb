//! How long statements take, by operation and subject: long-running ones are limited to a part of the pool.
//!
//! Turns protect from many short statements, but not from a few that take seconds, because a held connection cannot be taken
//! back. So statements that took long the last time have a smaller limit. For a subject without history, the history of the other
//! subjects is used.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::subject::Subject;

/// A statement that takes longer counts as long-running: with six places, ten shorter ones of others are over in 150 ms.
pub const LONG_STATEMENT: Duration = Duration::from_millis(100);
/// The half-life of a recorded time.
const HALF_LIFE: Duration = Duration::from_secs(15);
/// Pairs in memory, about half a megabyte.
const MAX_PAIRS: usize = 8_192;

type Key = (&'static str, Option<Subject>);

/// The recorded statement times.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<Key, Seen>>);

#[derive(Clone, Copy)]
struct Seen {
    seconds: f64,
    at: Instant,
}

impl Pace {
    /// Whether the statements of this operation are expected to take long for this subject.
    pub fn is_long(&self, operation: &'static str, subject: Subject) -> bool {
        let seen = self.lock();
        let known = seen.get(&(operation, Some(subject))).or_else(|| seen.get(&(operation, None)));
        known.is_some_and(|known| known.now() > LONG_STATEMENT.as_secs_f64())
    }

    /// Records the time of a statement.
    pub fn took(&self, operation: &'static str, subject: Subject, time: Duration) {
        let mut seen = self.lock();
        if seen.len() >= MAX_PAIRS {
            seen.retain(|_, known| known.at.elapsed() < 4 * HALF_LIFE);
            if seen.len() >= MAX_PAIRS {
                seen.clear();
            }
        }
        for key in [(operation, Some(subject)), (operation, None)] {
            let fresh = Seen { seconds: 0.0, at: Instant::now() };
            seen.entry(key).or_insert(fresh).learn(time.as_secs_f64());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn now(&self) -> f64 {
        self.seconds * (-self.at.elapsed().as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }

    /// Rises by a quarter of the difference, so that one outlier does not matter; falls with time only, so that short statements
    /// in between do not hide long ones.
    fn learn(&mut self, seconds: f64) {
        let now = self.now();
        self.seconds = if seconds > now { now + (seconds - now) / 4.0 } else { now };
        self.at = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_remembered_of_whom_it_was_and_expected_of_who_is_new() {
        let pace = Pace::default();
        let (slow, quick, new) = (Subject::User(1), Subject::User(2), Subject::User(3));
        pace.took("list", quick, Duration::from_millis(1));
        assert!(!pace.is_long("list", slow));
        pace.took("list", slow, Duration::from_secs(2));
        for _ in 0..100 {
            pace.took("list", slow, Duration::from_millis(1));
        }
        assert!(pace.is_long("list", slow), "short ones do not hide it");
        assert!(pace.is_long("list", new));
        assert!(!pace.is_long("list", quick) && !pace.is_long("get", slow));
        pace.took("get", slow, Duration::from_millis(300));
        assert!(!pace.is_long("get", slow), "once is a hiccup");
    }

    #[test]
    fn memory_is_bounded() {
        let pace = Pace::default();
        for user in 0..20_000 {
            pace.took("list", Subject::User(user), Duration::from_millis(1));
        }
        assert!(pace.lock().len() <= MAX_PAIRS + 1);
    }
}
