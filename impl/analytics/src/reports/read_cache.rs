//! A cache of query results, in memory and, shared by processes, in Redis.
//!
//! A result is valid for 600 ms at most, and only until the next write: every commit of this process increments a
//! generation, and a request gets a result that is no older than the generation it found. Concurrent requests for one result
//! compute it once; a result is refreshed before it expires, while it is still returned, so that requests for popular ones
//! never wait. Other processes are notified of a commit through Redis; if they are not, the lifetime bounds the staleness.
//! Without Redis each process has a cache of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use platform::shares::Requester;
use platform::{Cache, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use entries::{Answer, Entries, Entry};
use shared::{OLDEST, RENEWED, Shared, now};

mod entries;
mod shared;

/// How long a request waits for a result that another one computes.
const OTHERS_TURN: Duration = Duration::from_millis(250);

/// Results of one kind of query. Clones share it.
#[derive(Clone)]
pub(crate) struct ReadCache<T>(Arc<Inner<T>>);

struct Inner<T> {
    shared: Shared,
    entries: Mutex<Entries<T>>,
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> ReadCache<T> {
    pub(crate) fn new(cache: Option<Cache>) -> Self {
        Self(Arc::new(Inner { shared: Shared::new(cache), entries: Mutex::default() }))
    }

    /// To be called after a commit that may change a result, and before the commit is acknowledged to a client.
    pub(crate) fn changed(&self) {
        self.0.shared.changed();
    }

    /// The result of a query, computed if no cached one is valid.
    ///
    /// # Errors
    /// What computing failed with.
    pub(crate) async fn get<F>(&self, question: &str, compute: impl FnOnce() -> F + Send + 'static) -> Result<Arc<T>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let found = self.0.shared.generation();
        let entry = self.entries().entry(question);
        if let Some((answer, old)) = entry.answer(found) {
            if old && let Ok(flight) = Arc::clone(&entry.flight).try_lock_owned() {
                let (cache, entry, question) = (Self(Arc::clone(&self.0)), Arc::clone(&entry), question.to_owned());
                tokio::spawn(async move {
                    // When it fails, whoever asks after its time is told.
                    let _ = cache.renew(&entry, &question, compute()).await;
                    drop(flight);
                });
            }
            return Ok(answer);
        }
        // Whoever answers the question for all may have to wait for his turn: others do not wait for that.
        let me = Requester::current().map(|requester| requester.subject());
        let flight = match timeout(OTHERS_TURN, entry.flight.lock()).await {
            Ok(flight) => Some(flight),
            Err(_) if entry.is_asked_by(me) => Some(entry.flight.lock().await),
            Err(_) => None,
        };
        if let Some((answer, _)) = entry.answer(found) {
            return Ok(answer);
        }
        if flight.is_some() {
            *entry.asking.lock().unwrap_or_else(PoisonError::into_inner) = me;
        }
        self.renew(&entry, question, compute()).await
    }

    /// Computes a new result; the caller holds the lock `flight`.
    async fn renew(
        &self,
        entry: &Entry<T>,
        question: &str,
        compute: impl Future<Output = Result<T>>,
    ) -> Result<Arc<T>> {
        let (generation, begun, at) = (self.0.shared.generation(), Instant::now(), now());
        let (age, value, shared) = match self.0.shared.find(question, generation).await {
            (Some((age, value)), shared) => (age, value, shared),
            (None, shared) => (Duration::ZERO, compute.await?, shared),
        };
        let value = Arc::new(value);
        if age.is_zero()
            && let Some(shared) = shared
        {
            self.0.shared.keep(question, shared, at, &value).await;
        }
        let renewed = begun + rand::random_range(RENEWED).saturating_sub(age);
        let until = begun + OLDEST.saturating_sub(age);
        let answer = Answer { generation, renewed, until, value: Arc::clone(&value) };
        *entry.answer.write().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(value)
    }

    fn entries(&self) -> MutexGuard<'_, Entries<T>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells other processes what is stored here, and hears what is stored there, until it is told to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        self.0.shared.run(shutdown).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What the document promises, with what the way takes.
    #[test]
    fn the_gateway_and_this_memory_make_no_answer_older_than_a_second() {
        let document: serde_json::Value = serde_json::from_str(crate::DOCUMENT).expect("JSON");
        let kept = &document["paths"]["/api/p3/analytics/top-paths/optimized"]["get"]["x-gateway-cache"];
        let kept = Duration::from_millis(kept["milliseconds"].as_u64().expect("a number"));
        assert!(OLDEST + kept <= Duration::from_millis(950));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_ask_at_once_one_computes() {
        let (cache, computed) = (ReadCache::<u64>::new(None), Arc::new(AtomicUsize::new(0)));
        let asks = (0..1_000).map(|_| {
            let (cache, computed) = (cache.clone(), Arc::clone(&computed));
            tokio::spawn(async move {
                let compute = move || async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    computed.fetch_add(1, Ordering::Relaxed);
                    Ok(7)
                };
                cache.get("question", compute).await.map(|answer| *answer).ok()
            })
        });
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.ok().flatten(), Some(7));
        }
        assert_eq!(computed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn answers_that_are_not_given_any_more_are_not_kept() {
        let cache = ReadCache::<Vec<u8>>::new(None);
        let ask = async |question: String, bytes: usize| {
            cache.get(&question, move || async move { Ok(vec![0; bytes]) }).await.map(drop).expect("an answer");
        };
        for window in 0..1_000 {
            ask(format!("old {window}"), 30_000).await;
        }
        tokio::time::sleep(OLDEST).await;
        let swept_at = cache.entries().swept_at;
        for window in 0..swept_at {
            ask(format!("new {window}"), 1).await;
        }
        let entries = cache.entries();
        assert_eq!(entries.by.keys().filter(|question| question.starts_with("old")).count(), 0);
        assert!(entries.by.len() <= swept_at && entries.swept_at <= 2 * swept_at);
    }

    #[tokio::test]
    async fn nobody_gets_an_answer_from_before_what_he_knows_was_stored() {
        let cache = ReadCache::<u64>::new(None);
        let ask =
            async |value| cache.get("question", move || async move { Ok(value) }).await.map(|answer| *answer).ok();
        assert_eq!(ask(1).await, Some(1));
        assert_eq!(ask(2).await, Some(1));
        cache.changed();
        assert_eq!(ask(3).await, Some(3));
        assert_eq!(cache.get("other", || async { Ok(4) }).await.map(|answer| *answer).ok(), Some(4));
        // A failure is nobody's answer.
        cache.changed();
        let failed = cache.get("question", || async { Err(platform::Error::internal("no")) }).await;
        assert!(failed.is_err());
        assert_eq!(ask(5).await, Some(5));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_is_renewed_while_it_is_given_and_never_too_old() {
        let (cache, begun) = (ReadCache::<u64>::new(None), Instant::now());
        let age = move || u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let ask = async || cache.get("question", move || async move { Ok(age()) }).await.map(|answer| *answer);
        let (oldest, mut answers) = (OLDEST.as_micros() as u64, std::collections::BTreeSet::new());
        while begun.elapsed() < OLDEST * 3 {
            let asked = age();
            let computed = ask().await.expect("an answer");
            assert!(asked <= computed + oldest);
            answers.insert(computed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Renewed by one at a time, and not by each who found it old.
        assert!((2..=7).contains(&answers.len()), "{}", answers.len());
        // What nobody asked for is not given when it is too old, either.
        tokio::time::sleep(OLDEST).await;
        let asked = age();
        assert!(asked <= ask().await.expect("an answer") + oldest);
    }
}
