//! The analytics service: page views by durable insert, and what can be asked of them.
//!
//! Rows, the dictionary of their paths and the counts of each minute, hour, day and so on are written in one transaction, so
//! that counts are exact at every instant.

mod bots;
mod breakdown;
mod erase;
mod export;
mod ingest;
mod live;
mod maintenance;
mod queries;
mod queue;
mod read_cache;
mod rollups;
mod seed_rows;
mod seeding;
mod settings;
mod storage;
mod time_buckets;
mod time_series;
mod top_paths;
mod user_agent;
mod users;
pub mod verify;
mod visitor;
mod window;

use chrono::TimeDelta;
use contract::{Operation, Quota, Service};
use platform::http::Metrics;
use platform::identity::{Accounts, Principal};
use platform::settings::Environment;
use platform::{Cache, Database, Error, Limiter, Result, shares};
use tokio_util::sync::CancellationToken;

use crate::bots::Bots;
use crate::live::Live;
use crate::queue::Queue;
use crate::read_cache::ReadCache;
use crate::visitor::Salts;

pub use crate::settings::AnalyticsSettings;
pub use analytics_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct AnalyticsService {
    database: Database,
    accounts: Accounts,
    limiter: Limiter,
    environment: Environment,
    queue: Queue,
    salts: Salts,
    retention: TimeDelta,
    bots: Bots,
    top_paths: ReadCache<TopPaths>,
    live: Live,
    /// Cancelled when this process is about to end: who waits for something long is answered.
    leaving: CancellationToken,
}

/// Paths and how often each was viewed, most viewed first.
type TopPaths = Vec<(String, i64)>;

impl AnalyticsService {
    /// A service on a database and the accounts in it. It writes page views until its last clone is dropped.
    pub fn new(
        database: Database,
        accounts: Accounts,
        limiter: Limiter,
        cache: Option<Cache>,
        settings: &AnalyticsSettings,
        environment: Environment,
    ) -> Self {
        let top_paths = ReadCache::new(cache);
        let queue = Queue::start(database.clone(), top_paths.clone());
        let (salts, bots, retention) = (Salts::default(), Bots::default(), settings.retention());
        let (live, leaving) = (Live::new(database.clone()), CancellationToken::new());
        Self { database, accounts, limiter, environment, queue, salts, retention, bots, top_paths, live, leaving }
    }

    /// What goes on beside answering requests, until it is told to stop.
    pub async fn run(&self, shutdown: CancellationToken) {
        let merging = rollups::keep_merged(self.database.clone(), shutdown.clone());
        let leaving = async {
            shutdown.cancelled().await;
            self.leaving.cancel();
        };
        let keeping = self.top_paths.clone().run(shutdown.clone());
        tokio::join!(self.maintain(shutdown.clone()), merging, keeping, leaving);
    }

    /// Merges what was added to the counts of each span of time: done by [`AnalyticsService::run`] all the time.
    ///
    /// # Errors
    /// Those of the database; what was merged before stays merged.
    pub async fn merge_counts(&self) -> Result<()> {
        rollups::merge(&self.database, 1).await
    }

    /// To be called when page views came or went past this service: rankings from before are not answered any more. Without
    /// it they are until their time is over.
    pub fn changed(&self) {
        self.top_paths.changed();
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &Metrics) {
        self.limiter.register(metrics, OPERATIONS);
        self.queue.load().register(metrics);
        self.bots.register(metrics);
    }
}

impl Service for AnalyticsService {
    type Caller = Principal;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<Principal> {
        self.accounts.authenticate(token).await
    }

    fn enter(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<()> {
        shares::enter(operation, caller.map(Principal::user_id))
    }

    async fn admit(&self, operation: &'static Operation, caller: Option<&Principal>) -> Result<Vec<Quota>> {
        self.limiter.admit(operation, caller.map(Principal::user_id)).await
    }
}
