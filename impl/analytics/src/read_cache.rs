//! Answers that are asked for again and again, kept in memory and, for other processes, in Redis.
//!
//! An answer is good for 600 ms at most, and only for as long as nothing was stored since it was computed: every commit
//! of this process raises a generation, and whoever asks gets an answer that is no older than the generation he found. Of
//! many who ask at once one computes; before its time is over an answer is renewed while it is still given, so that nobody
//! waits for one that is asked for all the time. Other processes hear of a commit through Redis; when they do not, the time
//! bounds what they miss. Without Redis everything works the same, process by process.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deadpool_redis::redis;
use platform::shares::{Requester, Subject};
use platform::{Cache, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// No answer is older than this. The gateway may give it for the rest of a second (`x-gateway-cache` in the document).
const OLDEST: Duration = Duration::from_millis(600);
/// Answers are renewed from an age between these on, so that not all are renewed at once. What is left is time to compute the
/// next one.
const RENEWED: Range<Duration> = Duration::from_millis(300)..Duration::from_millis(400);
/// Questions a process remembers before it forgets those whose answers are too old to be given.
const REMEMBERED: usize = 256;
/// How long one waits for an answer that somebody else asks for.
const OTHERS_TURN: Duration = Duration::from_millis(250);
/// After Redis could not be told.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers of one kind of question. Clones are one.
#[derive(Clone)]
pub(crate) struct ReadCache<T>(Arc<Inner<T>>);

struct Inner<T> {
    cache: Option<Cache>,
    /// Raised by every commit that may change an answer.
    generation: AtomicU64,
    /// The generation that was told to other processes.
    announced: AtomicU64,
    changed: Notify,
    /// What this process calls itself, so that it does not listen to itself.
    name: String,
    entries: Mutex<Entries<T>>,
}

struct Entries<T> {
    by: HashMap<String, Arc<Entry<T>>>,
    /// At so many, those nobody needs are forgotten.
    swept_at: usize,
}

struct Entry<T> {
    answer: RwLock<Option<Answer<T>>>,
    /// Held by the one who computes.
    flight: Arc<tokio::sync::Mutex<()>>,
    /// Who asks for all, or did last.
    asking: Mutex<Option<Subject>>,
}

struct Answer<T> {
    generation: u64,
    /// From when on it is renewed, and until when it is given.
    renewed: Instant,
    until: Instant,
    value: Arc<T>,
}

impl<T> Entry<T> {
    fn is_asked_by(&self, who: Option<Subject>) -> bool {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) == who
    }

    /// Whether its answer may still be given.
    fn is_good(&self) -> bool {
        let answer = self.answer.read().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_some_and(|answer| answer.until > Instant::now())
    }

    /// A good answer, if there is one, and whether it is time to renew it.
    fn answer(&self, generation: u64) -> Option<(Arc<T>, bool)> {
        let (answer, now) = (self.answer.read().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let good = |answer: &&Answer<T>| answer.generation >= generation && answer.until > now;
        answer.as_ref().filter(good).map(|answer| (Arc::clone(&answer.value), answer.renewed <= now))
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> ReadCache<T> {
    pub(crate) fn new(cache: Option<Cache>) -> Self {
        let (generation, announced) = (AtomicU64::new(1), AtomicU64::new(1));
        let (changed, name) = (Notify::new(), format!("{:016x}", rand::random::<u64>()));
        let entries = Mutex::new(Entries { by: HashMap::new(), swept_at: REMEMBERED });
        Self(Arc::new(Inner { cache, generation, announced, changed, name, entries }))
    }

    /// To be called after a commit that may change an answer, and before anybody is told of the commit.
    pub(crate) fn changed(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        self.0.changed.notify_one();
    }

    /// The answer to a question, computed if no kept one will do.
    ///
    /// # Errors
    /// What computing failed with.
    pub(crate) async fn get<F>(&self, question: &str, compute: impl FnOnce() -> F + Send + 'static) -> Result<Arc<T>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let found = self.0.generation.load(Ordering::Acquire);
        let entry = self.entry(question);
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

    /// Another answer, by whoever holds the flight.
    async fn renew(
        &self,
        entry: &Entry<T>,
        question: &str,
        compute: impl Future<Output = Result<T>>,
    ) -> Result<Arc<T>> {
        let (generation, begun, at) = (self.0.generation.load(Ordering::Acquire), Instant::now(), now());
        let (age, value, shared) = match self.shared(question, generation).await {
            (Some((age, value)), shared) => (age, value, shared),
            (None, shared) => (Duration::ZERO, compute.await?, shared),
        };
        let value = Arc::new(value);
        if age.is_zero()
            && let Some(shared) = shared
        {
            self.share(question, shared, at, &value).await;
        }
        let renewed = begun + rand::random_range(RENEWED).saturating_sub(age);
        let until = begun + OLDEST.saturating_sub(age);
        let answer = Answer { generation, renewed, until, value: Arc::clone(&value) };
        *entry.answer.write().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(value)
    }

    fn entry(&self, question: &str) -> Arc<Entry<T>> {
        let mut entries = self.entries();
        if let Some(entry) = entries.by.get(question) {
            return Arc::clone(entry);
        }
        if entries.by.len() >= entries.swept_at {
            // Windows are endless, and each answer can be large: what is not given any more is not kept either.
            entries.by.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_good());
            entries.swept_at = REMEMBERED.max(2 * entries.by.len());
        }
        let entry = Arc::new(Entry { answer: RwLock::new(None), flight: Arc::default(), asking: Mutex::default() });
        entries.by.insert(question.to_owned(), Arc::clone(&entry));
        entry
    }

    fn entries(&self) -> MutexGuard<'_, Entries<T>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What another process has computed, with its age, if nothing was stored since; and the generation that all processes
    /// share, under which a new answer may be kept.
    async fn shared(&self, question: &str, generation: u64) -> (Option<(Duration, T)>, Option<i64>) {
        // What this process has stored and not told yet must not be missed.
        if self.0.announced.load(Ordering::Acquire) < generation {
            return (None, None);
        }
        let Some(cache) = &self.0.cache else { return (None, None) };
        let Ok(mut connection) = cache.connection().await else { return (None, None) };
        let mut command = redis::cmd("MGET");
        command.arg(cache.key("generation")).arg(cache.key(question));
        let kept: Result<(Option<i64>, Option<String>), _> = command.query_async(&mut connection).await;
        let Ok((shared, kept)) = kept else { return (None, None) };
        let shared = shared.unwrap_or(0);
        let answer = kept.and_then(|kept| {
            let (head, value) = kept.split_once('\n')?;
            let (under, at) = head.split_once(' ')?;
            let age = now().checked_sub(Duration::from_micros(at.parse().ok()?))?;
            let good = under.parse() == Ok(shared) && age < RENEWED.start && !age.is_zero();
            good.then(|| serde_json::from_str(value).ok()).flatten().map(|value| (age, value))
        });
        (answer, Some(shared))
    }

    async fn share(&self, question: &str, shared: i64, at: Duration, value: &T) {
        let Some(cache) = &self.0.cache else { return };
        let (Ok(mut connection), Ok(text)) = (cache.connection().await, serde_json::to_string(value)) else { return };
        let kept = format!("{shared} {}\n{text}", at.as_micros());
        let mut command = redis::cmd("SET");
        command.arg(cache.key(question)).arg(kept).arg("PX").arg(OLDEST.as_millis() as u64);
        // Not kept, then.
        let _ = command.query_async::<()>(&mut connection).await;
    }

    /// Tells other processes what is stored here, and hears what is stored there, until it is told to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.tell() => {}
            () = self.hear() => {}
        }
    }

    async fn tell(&self) {
        loop {
            self.0.changed.notified().await;
            let generation = self.0.generation.load(Ordering::Acquire);
            if self.announce().await.is_some() {
                self.0.announced.fetch_max(generation, Ordering::AcqRel);
            } else {
                tokio::time::sleep(PAUSE).await;
                self.0.changed.notify_one();
            }
        }
    }

    async fn announce(&self) -> Option<()> {
        let cache = self.0.cache.as_ref()?;
        let mut connection = cache.connection().await.ok()?;
        let mut commands = redis::pipe();
        commands.cmd("INCR").arg(cache.key("generation")).ignore();
        commands.cmd("PUBLISH").arg(cache.key("stored")).arg(&self.0.name).ignore();
        commands.query_async::<()>(&mut connection).await.ok()
    }

    async fn hear(&self) {
        let Some(cache) = &self.0.cache else { return std::future::pending().await };
        let heard = |name: String| async move {
            if name != self.0.name {
                // Told already, by whoever stored it.
                let generation = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
                let before = generation - 1;
                let _ = self.0.announced.compare_exchange(before, generation, Ordering::AcqRel, Ordering::Relaxed);
            }
        };
        cache.hear(&cache.key("stored"), heard).await;
    }
}

/// Processes compare their clocks only to find out whether an answer is too old.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

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
