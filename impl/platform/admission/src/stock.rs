//! A bounded resource that is acquired at once or not at all: unsent bytes, event streams, connections.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::subject::Subject;

/// A total amount, and how large a part of the remainder a subject may hold. Clones share it.
#[derive(Clone)]
pub struct Stock(Arc<Inner>);

struct Inner {
    total: usize,
    of_left: f64,
    /// The maximum per subject, however much is left.
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by: HashMap<Subject, usize>,
}

/// Why an amount cannot be acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// The subject holds its share already.
    Share,
    /// Too little is left for any subject.
    All,
}

/// An acquired amount, released on drop.
#[must_use = "it is given back when dropped"]
pub struct Taken {
    stock: Stock,
    subject: Subject,
    amount: usize,
}

impl Stock {
    /// `total` in all, of which a subject may hold `of_left` times the remainder, and never more than `most`.
    pub fn new(total: usize, of_left: f64, most: usize) -> Self {
        Self(Arc::new(Inner { total, of_left, most, held: Mutex::default() }))
    }

    /// Acquires an amount, if that leaves others their part. When no other subject holds anything, any amount is granted: it
    /// would be granted at no other time either.
    ///
    /// # Errors
    /// Whether the subject's own share or the total is exhausted.
    pub fn take(&self, subject: Subject, amount: usize) -> Result<Taken, Exhausted> {
        self.take_at_most(subject, amount, self.0.most)
    }

    /// The same, with a lower maximum of the subject.
    pub(crate) fn take_at_most(&self, subject: Subject, amount: usize, most: usize) -> Result<Taken, Exhausted> {
        let mut held = self.lock();
        if held.all > 0 && !self.0.fits(&held, subject, amount, most) {
            return Err(if held.all + amount > self.0.total { Exhausted::All } else { Exhausted::Share });
        }
        Ok(self.count(&mut held, subject, amount))
    }

    /// Acquires an amount that is spent already, however much is left.
    pub(crate) fn take_anyway(&self, subject: Subject, amount: usize) -> Taken {
        self.count(&mut self.lock(), subject, amount)
    }

    fn count(&self, held: &mut Held, subject: Subject, amount: usize) -> Taken {
        held.all += amount;
        *held.by.entry(subject).or_default() += amount;
        Taken { stock: self.clone(), subject, amount }
    }

    /// Whether a subject could acquire one more.
    pub fn has_room(&self, subject: Subject) -> bool {
        self.0.fits(&self.lock(), subject, 1, self.0.most)
    }

    /// The total, and how much is taken.
    pub fn state(&self) -> (usize, usize) {
        (self.0.total, self.lock().all)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fits(&self, held: &Held, subject: Subject, amount: usize, most: usize) -> bool {
        let own = held.by.get(&subject).copied().unwrap_or(0) + amount;
        let left = self.total.saturating_sub(held.all + amount);
        held.all + amount <= self.total && own <= most && own as f64 <= self.of_left * left as f64
    }
}

impl fmt::Debug for Stock {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, held) = self.state();
        to.debug_struct("Stock").field("total", &total).field("held", &held).finish_non_exhaustive()
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Taken").field(&self.amount).finish()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut held = self.stock.lock();
        held.all = held.all.saturating_sub(self.amount);
        let left = held.by.get_mut(&self.subject).map(|own| {
            *own = own.saturating_sub(self.amount);
            *own
        });
        if left == Some(0) {
            held.by.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_whoever_comes_next() {
        let stock = Stock::new(120, 0.25, usize::MAX);
        let take = |user| -> Vec<Taken> { std::iter::from_fn(|| stock.take(Subject::User(user), 1).ok()).collect() };
        let lone = take(1);
        assert_eq!(lone.len(), 24, "a quarter of what is left");
        drop(lone);
        let all: Vec<Vec<Taken>> = (0..11).map(take).collect();
        assert!(all.iter().all(|each| !each.is_empty()), "everybody got something");
        assert!(stock.state().1 < 120, "and there is some left");
        drop(all);
        assert_eq!((stock.state().1, stock.lock().by.len()), (0, 0));
    }

    #[test]
    fn the_first_may_have_what_is_too_large_for_a_share_and_nobody_more_than_the_most() {
        let stock = Stock::new(100, 1.0, 60);
        let large = stock.take(Subject::User(1), 90).expect("nobody has anything");
        assert_eq!(stock.take(Subject::User(2), 6).err(), Some(Exhausted::Share), "it would leave less than that");
        assert_eq!(stock.take(Subject::User(2), 11).err(), Some(Exhausted::All));
        assert!(!stock.has_room(Subject::User(1)));
        let small = stock.take(Subject::User(2), 5).expect("as much as is left");
        drop(large);
        assert_eq!(stock.take(Subject::User(2), 56).err(), Some(Exhausted::Share), "more than anybody may have");
        assert!(stock.take_at_most(Subject::User(2), 6, 10).is_err(), "more than it may have now");
        drop(small);
    }
}
