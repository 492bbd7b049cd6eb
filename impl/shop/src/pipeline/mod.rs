//! From an accepted order to a reserved one.
//!
//! An order is committed together with its message in the [outbox](platform_outbox); workers reserve stock for it in the transaction
//! that deletes the message.

mod audit;
mod batch;
mod decide;
mod expiry;
pub mod failpoints;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use platform::{Cache, Database, first_failure, idempotency, identity, keep};
use platform_outbox::{Handlers, Outbox, Stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::audit::Audit;
use self::metrics::Metrics;
use crate::live::Live;
use crate::queue_queries;

/// The topic of messages that ask for an order's stock to be reserved.
pub(crate) const ORDER_CREATED: &str = "order.created";
/// How often expired reservations and pending orders are looked for.
const EXPIRE: Duration = Duration::from_millis(500);
const GAUGES: Duration = Duration::from_secs(5);
/// How often stock is compared with its ledger, a few products at a time.
const AUDIT: Duration = Duration::from_secs(30);
/// How often what is old is forgotten.
const TIDY: Duration = Duration::from_secs(600);

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
    outbox: Outbox,
    live: Live,
    reservation: Duration,
    metrics: Metrics,
    audit: Audit,
}

impl Pipeline {
    /// A pipeline from a database to its workers, by way of Redis where there is one.
    pub fn new(database: Database, cache: Option<Cache>, settings: &ShopSettings) -> Self {
        Self(Arc::new(Inner {
            live: Live::new(database.clone(), cache.clone()),
            outbox: Outbox::new(database.clone(), cache.map(stream)),
            database,
            reservation: Duration::from_secs(settings.reservation_seconds.into()),
            metrics: Metrics::new(),
            audit: Audit::default(),
        }))
    }

    /// The messages of its orders.
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// What is done about the messages of its orders.
    pub fn handlers(&self) -> Handlers {
        Handlers::new("worker").with(self.clone())
    }

    /// Tells everybody who watches these orders that something happened to them.
    pub(crate) fn announce(&self, orders: &[i64]) {
        self.0.live.announce(orders);
    }

    /// The orders people watch.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// How many watch an order in this process.
    pub fn watchers(&self) -> usize {
        self.0.live.watchers()
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.0.outbox.register(metrics);
        self.0.metrics.register(metrics);
    }

    /// The background work of a replica of the API: publishes messages and follows the events of orders, until all requests are
    /// completed; event streams are closed as soon as it is `closing`.
    pub async fn serve(&self, closing: CancellationToken, answered: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self.outbox(), &answered, Outbox::relay);
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
        self.0.outbox.work(&mut tasks, &shutdown, self.handlers());
        keep(&mut tasks, self, &shutdown, |this, end| this.0.live.clone().tell(end));
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            this.outbox().jobs().job("expiry", EXPIRE).every(EXPIRE, end, || this.expire()).await;
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            this.outbox().jobs().job("gauges", GAUGES).every(GAUGES, end, || this.measure()).await;
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            this.outbox().jobs().job("audit", AUDIT).every(AUDIT, end, || this.audit()).await;
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            this.outbox().jobs().job("tidying", TIDY).every(TIDY, end, || this.tidy()).await;
        });
        tasks.join_all().await;
    }

    /// Looks at the stock of some products and at some orders; how many are known to be wrong.
    ///
    /// # Errors
    /// When Postgres cannot be used.
    pub async fn audit(&self) -> platform::Result<(usize, usize)> {
        self.0.audit.round(&self.0.database, &self.0.metrics.audit).await
    }

    async fn measure(&self) -> platform::Result<()> {
        let pending = queue_queries::pending(self.0.database.reads()).await;
        self.0.metrics.show_pending(pending.as_ref().ok().copied());
        pending.map(drop)
    }

    /// Forgets what is old. What cannot be done keeps nothing else from being done.
    ///
    /// # Errors
    /// The first of those of the database.
    pub async fn tidy(&self) -> platform::Result<()> {
        let database = &self.0.database;
        first_failure([
            idempotency::forget_old(database).await.map(drop),
            identity::forget_old_addresses(database).await.map(drop),
            platform::audit::forget_old(database).await.map(drop),
        ])
    }
}

/// Where the relay tells workers of messages.
pub(crate) fn stream(cache: Cache) -> Stream {
    Stream::new(cache, "orders")
}
