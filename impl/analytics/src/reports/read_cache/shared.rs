//! What processes share through Redis: notifications of writes, and results that were computed since.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deadpool_redis::redis;
use platform::{Cache, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// No result is older than this. The gateway may cache it for the rest of a second (`x-gateway-cache` in the document).
pub(super) const OLDEST: Duration = Duration::from_millis(600);
/// Results are refreshed from a random age in this range on, so that not all are refreshed at once. The time that is left is for
/// computing the next one.
pub(super) const RENEWED: Range<Duration> = Duration::from_millis(300)..Duration::from_millis(400);
/// After Redis could not be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// The generation of the stored data, as this process knows it.
pub(super) struct Shared {
    cache: Option<Cache>,
    /// Incremented by every commit that may change a result.
    generation: AtomicU64,
    /// The generation that other processes were notified of.
    announced: AtomicU64,
    changed: Notify,
    /// The name of this process, so that it ignores its own notifications.
    name: String,
}

impl Shared {
    pub(super) fn new(cache: Option<Cache>) -> Self {
        let (generation, announced) = (AtomicU64::new(1), AtomicU64::new(1));
        let (changed, name) = (Notify::new(), format!("{:016x}", rand::random::<u64>()));
        Self { cache, generation, announced, changed, name }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Something was stored here.
    pub(super) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// A result of another process, with its age, if nothing was stored since; and the generation that all processes
    /// share, under which a new result may be stored.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        question: &str,
        generation: u64,
    ) -> (Option<(Duration, T)>, Option<i64>) {
        // Writes of this process that the others were not notified of yet must not be missed.
        if self.announced.load(Ordering::Acquire) < generation {
            return (None, None);
        }
        let Some(cache) = &self.cache else { return (None, None) };
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

    /// Keeps a response for other processes.
    pub(super) async fn keep<T: Serialize>(&self, question: &str, shared: i64, at: Duration, value: &T) {
        let Some(cache) = &self.cache else { return };
        let (Ok(mut connection), Ok(text)) = (cache.connection().await, serde_json::to_string(value)) else { return };
        let kept = format!("{shared} {}\n{text}", at.as_micros());
        let mut command = redis::cmd("SET");
        command.arg(cache.key(question)).arg(kept).arg("PX").arg(OLDEST.as_millis() as u64);
        // Not kept, then.
        let _ = command.query_async::<()>(&mut connection).await;
    }

    /// Tells other processes what is stored here, and hears what is stored there, until it is told to stop.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.tell() => {}
            () = self.hear() => {}
        }
    }

    async fn tell(&self) {
        loop {
            self.changed.notified().await;
            let generation = self.generation.load(Ordering::Acquire);
            if self.announce().await.is_some() {
                self.announced.fetch_max(generation, Ordering::AcqRel);
            } else {
                tokio::time::sleep(PAUSE).await;
                self.changed.notify_one();
            }
        }
    }

    async fn announce(&self) -> Option<()> {
        let cache = self.cache.as_ref()?;
        let mut connection = cache.connection().await.ok()?;
        let mut commands = redis::pipe();
        commands.cmd("INCR").arg(cache.key("generation")).ignore();
        commands.cmd("PUBLISH").arg(cache.key("stored")).arg(&self.name).ignore();
        commands.query_async::<()>(&mut connection).await.ok()
    }

    async fn hear(&self) {
        let Some(cache) = &self.cache else { return std::future::pending().await };
        let heard = |name: String| async move {
            if name != self.name {
                // Told already, by whoever stored it.
                let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
                let before = generation - 1;
                let _ = self.announced.compare_exchange(before, generation, Ordering::AcqRel, Ordering::Relaxed);
            }
        };
        cache.hear(&cache.key("stored"), heard).await;
    }
}

/// Processes compare their clocks only to determine the age of a result.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
