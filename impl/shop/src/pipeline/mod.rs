//! From an accepted order to a reserved one.
//!
//! An order is committed together with a row of the outbox, its message. A relay puts the ids of messages into a Redis
//! stream; workers read the stream and do what a message asks for in one transaction that also deletes the message. So
//! Postgres knows at every moment what is to be done, and Redis only tells when to look: whatever is lost there is
//! published again, whatever comes twice is done once, and without Redis the workers ask the outbox itself.

mod audit;
mod batch;
mod decide;
pub mod failpoints;
mod failure;
mod heal;
mod metrics;
mod relay;
pub(crate) mod stream;
mod trace;
mod worker;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use platform::{Cache, Database, Error, Jobs, first_failure, idempotency, identity, keep};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::audit::Audit;
use self::failpoints::Failpoints;
use self::metrics::Metrics;
use self::stream::Stream;
use crate::live::Live;
use crate::queue_queries;

pub use self::worker::Worker;

/// How long a message may be away before one asks whether the stream has lost it.
const GRACE: Duration = Duration::from_secs(2);
/// How often lost messages, expired reservations and the state of the queue are looked for.
const HEAL: Duration = Duration::from_secs(1);
const EXPIRE: Duration = Duration::from_millis(500);
const GAUGES: Duration = Duration::from_secs(5);
/// How often stock is compared with its ledger, a few products at a time.
const AUDIT: Duration = Duration::from_secs(30);
/// How often what is old is forgotten.
const TIDY: Duration = Duration::from_secs(600);
/// A consumer that read nothing for this long is gone.
const GONE: Duration = Duration::from_secs(600);

/// How orders are treated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Shop")]
pub struct ShopSettings {
    /// Seconds a reservation lasts unless it is paid
    #[arg(long, env = "RESERVATION_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=2_592_000))]
    pub reservation_seconds: u32,
}

/// The pipeline of a process. Clones are one.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

struct Inner {
    database: Database,
    stream: Option<Stream>,
    live: Live,
    reservation: Duration,
    woken: Notify,
    stream_is_full: AtomicBool,
    metrics: Metrics,
    audit: Mutex<Audit>,
    failpoints: Arc<Failpoints>,
    jobs: Jobs,
}

impl Pipeline {
    /// A pipeline from a database to its workers, by way of Redis where there is one.
    pub fn new(database: Database, cache: Option<Cache>, settings: &ShopSettings) -> Self {
        Self(Arc::new(Inner {
            live: Live::new(database.clone(), cache.clone()),
            database,
            stream: cache.map(Stream::new),
            reservation: Duration::from_secs(settings.reservation_seconds.into()),
            woken: Notify::new(),
            stream_is_full: AtomicBool::new(false),
            metrics: Metrics::new(),
            audit: Mutex::default(),
            failpoints: Arc::new(Failpoints::from_environment()),
            jobs: Jobs::default(),
        }))
    }

    /// Tells the relay that there is something new in the outbox.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Tells everybody who watches these orders that something happened to them.
    pub(crate) fn announce(&self, orders: &[i64]) {
        self.0.live.announce(orders);
    }

    /// The orders people watch.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// Entries of the stream that nobody was given, and that are being worked on; nothing when Redis is away.
    pub(crate) async fn stream_state(&self) -> Option<(i64, i64)> {
        self.0.stream.as_ref()?.state().await.ok()
    }

    /// How many watch an order in this process.
    pub fn watchers(&self) -> usize {
        self.0.live.watchers()
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Boundaries at which tests have it fail.
    pub fn failpoints(&self) -> &Failpoints {
        &self.0.failpoints
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.0.metrics.register(metrics);
    }

    /// What a replica of the API does beside answering: publishes what it accepts, and hears what happens to orders. Until
    /// the last request is answered; those who watch are sent away as soon as it is `closing`.
    pub async fn serve(&self, closing: CancellationToken, answered: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self, &answered, Self::relay);
        keep(&mut tasks, self, &answered, |this, end| async move { this.watch(end).await });
        closing.cancelled().await;
        self.0.live.close();
        tasks.join_all().await;
    }

    /// The second half of [`Pipeline::serve`]: hears what happens to orders, and tells it.
    pub async fn watch(&self, shutdown: CancellationToken) {
        self.0.live.clone().run(shutdown).await;
    }

    /// What a worker process does, until it is told to stop.
    pub async fn work(&self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self, &shutdown, Self::relay);
        keep(&mut tasks, self, &shutdown, |this, end| Worker::new(this).run(end));
        keep(&mut tasks, self, &shutdown, |this, end| this.0.live.clone().tell(end));
        self.every(&mut tasks, &shutdown, "expiry", EXPIRE, |this| async move { this.expire().await });
        self.every(&mut tasks, &shutdown, "healing", HEAL, |this| async move { without_redis(this.heal(GRACE).await) });
        self.every(&mut tasks, &shutdown, "gauges", GAUGES, |this| async move { this.measure().await });
        self.every(&mut tasks, &shutdown, "audit", AUDIT, |this| async move { this.audit().await });
        self.every(&mut tasks, &shutdown, "tidying", TIDY, |this| async move { without_redis(this.tidy().await) });
        tasks.join_all().await;
    }

    /// Has a task of its own do something now and then.
    fn every<T, F>(
        &self,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
        name: &'static str,
        interval: Duration,
        work: fn(Self) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = platform::Result<T>> + Send + 'static,
    {
        keep(tasks, self, shutdown, move |this, end| {
            this.0.jobs.job(name, interval).every(interval, end, move || work(this.clone()))
        });
    }

    /// Seconds for which the oldest message that is due has waited to be handed to the stream.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn outbox_age(&self) -> platform::Result<f64> {
        queue_queries::outbox_age(self.0.database.reads()).await
    }

    async fn measure(&self) -> platform::Result<()> {
        let db = self.0.database.reads();
        let queue = queue_queries::status(db, self.stream_state().await).await;
        let age = self.outbox_age().await;
        let known = queue.and_then(|queue| Ok((queue, age?)));
        self.0.metrics.show_queue(known.as_ref().ok().cloned());
        known.map(drop)
    }

    /// Forgets what is old. What cannot be done keeps nothing else from being done.
    ///
    /// # Errors
    /// The first of those of the database, or that Redis cannot be used.
    pub async fn tidy(&self) -> platform::Result<()> {
        let database = &self.0.database;
        let mut done = vec![
            idempotency::forget_old(database).await.map(drop),
            identity::forget_old_addresses(database).await.map(drop),
            platform::audit::forget_old(database).await.map(drop),
        ];
        if let Some(stream) = &self.0.stream {
            done.push(stream.forget_consumers(GONE).await.map_err(platform::Error::internal));
        }
        first_failure(done)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Pipeline").field("stream", &self.0.stream).finish_non_exhaustive()
    }
}

/// Redis may be away: who needs it has failed, and nothing stands still by that. What else fails stays as it is.
fn without_redis<T>(result: platform::Result<T>) -> platform::Result<()> {
    match result {
        Err(error) if !matches!(error, Error::Database(_)) && !error.is_unavailable() => {
            tracing::debug!(%error, "what is done now and then waits for Redis");
            Ok(())
        }
        result => result.map(drop),
    }
}
