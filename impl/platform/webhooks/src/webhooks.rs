//! The webhooks of a service, in one process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use platform::settings::{Environment, InvalidSettings, Settings, Targets};
use platform::slices::remove_in_slices;
use platform::{Database, Jobs, Result, keep, sql};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backlog::Backlog;
use crate::metrics::Metrics;
use crate::signature::Keys;
use crate::tuning::Tuning;

const GAUGES_INTERVAL: Duration = Duration::from_secs(15);
const TIDYING_INTERVAL: Duration = Duration::from_secs(3_600);
/// Outcomes that are written at a time: responses may come all at once, and connections are those of the service's requests.
const MAX_SETTLING: usize = 2;
/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1_000;

/// The webhooks and callbacks of a service. Clones are one.
#[derive(Clone)]
pub struct Webhooks(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) service: &'static str,
    pub(crate) keys: Keys,
    pub(crate) targets: Targets,
    pub(crate) tuning: Tuning,
    pub(crate) backlog: Backlog,
    pub(crate) woken: Notify,
    pub(crate) settling: Semaphore,
    pub(crate) jobs: Jobs,
    pub(crate) metrics: Metrics,
}

impl Webhooks {
    /// The webhooks of a service of this name, in its database.
    ///
    /// # Errors
    /// When the settings have no key.
    pub fn new(
        database: Database,
        service: &'static str,
        settings: &Settings,
        environment: Environment,
    ) -> Result<Self, InvalidSettings> {
        Self::tuned(database, service, settings, environment, Tuning::default())
    }

    /// The same with other times.
    ///
    /// # Errors
    /// When the settings have no key.
    pub fn tuned(
        database: Database,
        service: &'static str,
        settings: &Settings,
        environment: Environment,
        tuning: Tuning,
    ) -> Result<Self, InvalidSettings> {
        Ok(Self(Arc::new(Inner {
            database,
            service,
            keys: Keys::new(&settings.webhooks.secret(&settings.auth), service)?,
            targets: settings.webhooks.targets(environment),
            tuning,
            backlog: Backlog::default(),
            woken: Notify::new(),
            settling: Semaphore::new(MAX_SETTLING),
            jobs: Jobs::default(),
            metrics: Metrics::new(),
        })))
    }

    /// Saves what was put and committed the wait until the next poll.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// `whsec_...`: what a recipient verifies signatures with. Nobody else can make it, and it is the same in every process.
    pub fn secret(&self, recipient: i64) -> String {
        self.0.keys.of(recipient).secret()
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.0.metrics.register(metrics);
    }

    /// Delivers until shutdown. What is being sent then is finished, within ten seconds; what is not is sent again.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self, &shutdown, Self::deliver);
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            let gauges = this.0.jobs.job("webhook gauges", GAUGES_INTERVAL).at_once();
            gauges.every(GAUGES_INTERVAL, end, || this.0.metrics.measure(&this.0.database, this.0.service)).await;
        });
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            let tidying = this.0.jobs.job("webhook tidying", TIDYING_INTERVAL).at_once();
            tidying.every(TIDYING_INTERVAL, end, || this.forget()).await;
        });
        tasks.join_all().await;
    }

    /// Deletes what was given up 30 days ago; how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn forget(&self) -> Result<u64> {
        const SQL: &str = sql!(
            "DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(SELECT id FROM webhook_deliveries
                 WHERE service = $1 AND state = 'failed' AND failed_at < now() - interval '30 days'
                 ORDER BY failed_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
        );
        let service = self.0.service;
        remove_in_slices(&self.0.database, BATCH_ROWS, move |mut tx, most| async move {
            Ok(sqlx::query(SQL).bind(service).bind(most).execute(&mut *tx).await?.rows_affected())
        })
        .await
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Webhooks").field("service", &self.0.service).finish_non_exhaustive()
    }
}
