//! What is measured of the counts: how many blocks wait to be merged and for how long, and whether an audit found wrong ones.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use platform::http::{Metrics, gauge};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct RollupMetrics {
    waiting: Arc<Mutex<Option<(i64, f64)>>>,
    pub(crate) audits: Counter,
    pub(crate) audited: Counter,
    pub(crate) mismatched: Gauge,
}

impl RollupMetrics {
    /// New blocks, and the age of the oldest in seconds; nothing when it is not known.
    pub(crate) fn show(&self, waiting: Option<(i64, f64)>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register(
                "page_view_rollup_checks",
                "Completed consistency checks of rollups",
                self.audits.clone(),
            );
            registry.register(
                "page_view_rollup_checked_views",
                "Page views checked against their rollups",
                self.audited.clone(),
            );
            registry.register(
                "page_view_rollup_mismatched_intervals",
                "Time intervals whose rollups differ from their page views",
                self.mismatched.clone(),
            );
            registry.register_collector(Box::new(Waiting(Arc::clone(&self.waiting))));
        });
    }
}

#[derive(Debug)]
struct Waiting(Arc<Mutex<Option<(i64, f64)>>>);

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let waiting = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((blocks, seconds)) = waiting else { return Ok(()) };
        let help = "Rollup blocks not yet merged (the number is capped)";
        gauge(&mut encoder, "page_view_rollups_unmerged", help, blocks)?;
        let help = "Age of the oldest rollup block not yet merged";
        gauge(&mut encoder, "page_view_rollups_oldest_unmerged_age_seconds", help, seconds)
    }
}
