//! Results that this process has cached, by query.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use platform::shares::Subject;

/// Number of queries beyond which a process evicts those with expired results.
const REMEMBERED: usize = 256;
pub(super) struct Entries<T> {
    pub(super) by: HashMap<String, Arc<Entry<T>>>,
    /// The number of entries at which expired ones are evicted.
    pub(super) swept_at: usize,
}

pub(super) struct Entry<T> {
    pub(super) answer: RwLock<Option<Answer<T>>>,
    /// Held while a request computes the result.
    pub(super) flight: Arc<tokio::sync::Mutex<()>>,
    /// The client whose request computes it, or did last.
    pub(super) asking: Mutex<Option<Subject>>,
}

pub(super) struct Answer<T> {
    pub(super) generation: u64,
    /// When it is to be refreshed, and when it expires.
    pub(super) renewed: Instant,
    pub(super) until: Instant,
    pub(super) value: Arc<T>,
}

impl<T> Entry<T> {
    pub(super) fn is_asked_by(&self, who: Option<Subject>) -> bool {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) == who
    }

    /// Whether its result has not expired.
    fn is_good(&self) -> bool {
        let answer = self.answer.read().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_some_and(|answer| answer.until > Instant::now())
    }

    /// A valid result, if there is one, and whether it is time to refresh it.
    pub(super) fn answer(&self, generation: u64) -> Option<(Arc<T>, bool)> {
        let (answer, now) = (self.answer.read().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let good = |answer: &&Answer<T>| answer.generation >= generation && answer.until > now;
        answer.as_ref().filter(good).map(|answer| (Arc::clone(&answer.value), answer.renewed <= now))
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { by: HashMap::new(), swept_at: REMEMBERED }
    }
}

impl<T> Entries<T> {
    pub(super) fn entry(&mut self, question: &str) -> Arc<Entry<T>> {
        if let Some(entry) = self.by.get(question) {
            return Arc::clone(entry);
        }
        if self.by.len() >= self.swept_at {
            // Windows are endless, and each answer can be large: what is not given any more is not kept either.
            self.by.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_good());
            self.swept_at = REMEMBERED.max(2 * self.by.len());
        }
        let entry = Arc::new(Entry { answer: RwLock::new(None), flight: Arc::default(), asking: Mutex::default() });
        self.by.insert(question.to_owned(), Arc::clone(&entry));
        entry
    }
}
