//! What is measured of the counts: how many blocks wait to be merged and for how long, and whether an audit found wrong ones.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use platform::http::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

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
                "page_view_count_checks",
                "Rounds of comparing counts with their rows",
                self.audits.clone(),
            );
            registry.register(
                "page_view_counts_checked",
                "Page views compared with their counts",
                self.audited.clone(),
            );
            registry.register(
                "page_view_counts_mismatched_spans",
                "Spans of time known to have other counts than their rows say",
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
        let (blocks, seconds) = (ConstGauge::new(blocks), ConstGauge::new(seconds));
        let help = "Blocks of counts that wait to be merged, as far as one looks";
        blocks.encode(encoder.encode_descriptor("page_view_rollups_unmerged", help, None, blocks.metric_type())?)?;
        let (name, help) =
            ("page_view_rollups_oldest_unmerged_seconds", "Age of the oldest block that waits to be merged");
        seconds.encode(encoder.encode_descriptor(name, help, None, seconds.metric_type())?)
    }
}
