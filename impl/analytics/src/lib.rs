//! The analytics service: page views by durable insert, and what can be asked of them.
//!
//! Rows, the dictionary of their paths and the counts of each minute, hour, day and so on are written in one transaction, so
//! that counts are exact at every instant.

mod counts;
mod intake;
mod reports;
mod settings;
mod upkeep;
mod users;
pub mod verify;

use std::sync::Arc;

use chrono::TimeDelta;
use contract::Guarded;
use platform::http::Metrics;
use platform::identity::Accounts;
use platform::service::{Context, Parts, Service, Verification};
use platform::settings::{AuthSettings, Environment, InvalidSettings};
use platform::verification::Checked;
use platform::{Access, Cache, Database, Jobs, Limiter, Result, keep};
use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::counts::audit::{self, Audit};
use crate::counts::rollup_metrics::RollupMetrics;
use crate::counts::rollups;
use crate::intake::backdating::Backdating;
use crate::intake::bots::Bots;
use crate::intake::queue::{PAGE_VIEWS, Queue};
use crate::intake::visitor::Salts;
use crate::reports::live::Live;
use crate::reports::read_cache::ReadCache;
use crate::reports::top_paths::TopPaths;

pub use crate::settings::AnalyticsSettings;
pub use analytics_api::{DOCUMENT, OPERATIONS, router};

/// The service: what its handlers work with.
#[derive(Clone)]
pub struct AnalyticsService {
    database: Database,
    access: Access,
    environment: Environment,
    queue: Queue,
    salts: Salts,
    backdating: Arc<Backdating>,
    retention: TimeDelta,
    max_paths: u32,
    /// How many paths there are, as far as this process knows.
    paths: Gauge,
    bots: Bots,
    rollups: RollupMetrics,
    audit: Audit,
    top_paths: ReadCache<TopPaths>,
    live: Live,
    jobs: Jobs,
    /// Cancelled when this process shuts down: long-polling requests then get their response.
    leaving: CancellationToken,
}

impl AnalyticsService {
    /// A service on a database and the accounts in it. It writes page views until its last clone is dropped.
    ///
    /// # Errors
    /// When the settings have no key.
    pub fn new(
        database: Database,
        accounts: Accounts,
        limiter: Limiter,
        cache: Option<Cache>,
        settings: &AnalyticsSettings,
        auth: &AuthSettings,
        environment: Environment,
    ) -> Result<Self, InvalidSettings> {
        let top_paths = ReadCache::new(cache);
        let queue = Queue::start(database.clone(), top_paths.clone(), settings.path_limits());
        Ok(Self {
            live: Live::new(database.clone()),
            database,
            access: Access { accounts, limiter },
            environment,
            queue,
            salts: Salts::new(&auth.secret())?,
            backdating: Arc::default(),
            retention: settings.retention(),
            max_paths: settings.max_paths,
            paths: Gauge::default(),
            bots: Bots::default(),
            rollups: RollupMetrics::default(),
            audit: Audit::default(),
            top_paths,
            jobs: Jobs::default(),
            leaving: CancellationToken::new(),
        })
    }

    /// The background work, until shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self, &shutdown, |this, end| async move { this.maintain(end).await });
        keep(&mut tasks, self, &shutdown, |this, end| {
            let job = this.jobs.job("merging", rollups::LONGEST);
            rollups::keep_merged(this.database, job, this.rollups, end)
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            this.jobs.job("audit", audit::INTERVAL).every(audit::INTERVAL, end, || this.audit()).await;
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move { this.catch_up(end).await });
        keep(&mut tasks, self, &shutdown, |this, end| this.top_paths.run(end));
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            end.cancelled().await;
            this.leaving.cancel();
        });
        tasks.join_all().await;
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// One round of the audit: how many spans are known to be wrong.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit(&self) -> Result<usize> {
        self.audit.round(self.database.reads(), &self.rollups).await
    }

    /// Merges what was added to the counts of each span of time: done by [`AnalyticsService::run`] all the time.
    ///
    /// # Errors
    /// Those of the database; what was merged before stays merged.
    pub async fn merge_counts(&self) -> Result<()> {
        rollups::merge(&self.database, &rollups::slice(), 1, || true).await
    }

    /// To be called when page views were added or deleted outside of this service: cached rankings become invalid. Otherwise
    /// they are returned until they expire.
    pub fn changed(&self) {
        self.top_paths.changed();
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &Metrics) {
        self.queue.register(metrics);
        self.rollups.register(metrics);
        let limit: Gauge = Gauge::default();
        limit.set(self.max_paths.into());
        metrics.register(|registry| {
            registry.register("page_view_paths", "Distinct paths", self.paths.clone());
            registry.register("page_view_paths_limit", "Maximum number of distinct paths", limit);
        });
        self.bots.register(metrics);
    }
}

impl Service for AnalyticsService {
    type Settings = AnalyticsSettings;

    fn build(context: Context<'_>, settings: &AnalyticsSettings) -> Result<Parts, InvalidSettings> {
        let cache = context.cache("analytics:")?;
        let Context { database, access: Access { accounts, limiter }, settings: common, environment } = context;
        let service = Self::new(database, accounts, limiter, cache, settings, &common.auth, environment)?;
        let measured = service.clone();
        Ok(Parts::of(router(Arc::new(service.clone())))
            .with_jobs(service.jobs.clone())
            .with_shared_resource(PAGE_VIEWS)
            .with_metrics(move |metrics| measured.register(metrics))
            .with_background(async move |lifecycle| service.run(lifecycle.stopping).await))
    }

    async fn verify(of: &Verification<'_>) -> Result<Vec<Checked>> {
        verify::run(of.database).await
    }
}

impl Guarded for AnalyticsService {
    type Access = Access;

    fn access(&self) -> &Access {
        &self.access
    }
}
