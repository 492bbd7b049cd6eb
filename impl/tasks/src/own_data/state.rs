//! What the requests and the background work of one process share.

use std::sync::Arc;

use platform::Jobs;
use platform::http::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;

/// Archives that are built or sent at a time: their files may have 48 MiB each, and /tmp of a container has 256.
const MAX_EXPORTS: usize = 4;

/// How many exports there may be.
#[derive(Debug, Clone)]
pub(crate) struct Exports {
    pub(super) all: Arc<Semaphore>,
    pub(super) building: Arc<Semaphore>,
}

impl Default for Exports {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_EXPORTS)), building: Arc::new(Semaphore::new(1)) }
    }
}

/// The job that erases accounts, and what it measures. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Erasures {
    pub(crate) jobs: Jobs,
    pub(super) failures: Counter,
    pub(super) overdue: Gauge,
}

impl Erasures {
    /// Registers what it measures.
    pub(crate) fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            let help = "Accounts that should have been erased more than an hour ago";
            registry.register("account_erasures_overdue", help, self.overdue.clone());
            let help = "Failed attempts to erase an account";
            registry.register("account_erasure_failures", help, self.failures.clone());
        });
    }
}
