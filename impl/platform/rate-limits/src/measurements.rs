//! Metrics of the rate limits.

use contract::Operation;
use platform_telemetry::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limited {
    operation: &'static str,
    class: &'static str,
}

/// Shared by clones.
#[derive(Clone, Default)]
pub(super) struct Measurements {
    refused: Family<Limited, Counter>,
    fallback: Counter,
}

impl Measurements {
    pub(super) fn refused(&self, operation: &'static str, class: &'static str) {
        self.refused.get_or_create(&Limited { operation, class }).inc();
    }

    pub(super) fn fell_back(&self) {
        self.fallback.inc();
    }

    pub(super) fn register(&self, metrics: &Metrics, operations: &[&'static Operation]) {
        let (amounts, windows) = (Family::<Limited, Gauge>::default(), Family::<Limited, Gauge>::default());
        for operation in operations {
            for limit in operation.rate_limits {
                let labels = Limited { operation: operation.id, class: limit.class };
                amounts.get_or_create(&labels).set(i64::from(limit.amount));
                windows.get_or_create(&labels).set(i64::from(limit.window_seconds));
                // Created at start, so that the first rejection is an increase.
                drop(self.refused.get_or_create(&labels));
            }
        }
        metrics.register(|registry| {
            registry.register(
                "rate_limit_requests_rejected",
                "Requests rejected by a rate limit",
                self.refused.clone(),
            );
            let help = "Requests counted by this process alone because Redis was unavailable";
            registry.register("rate_limit_local_fallbacks", help, self.fallback.clone());
            registry.register("rate_limit_max_requests", "Requests a rate limit allows within its window", amounts);
            registry.register_with_unit(
                "rate_limit_window",
                "Length of the window of a rate limit",
                Unit::Seconds,
                windows,
            );
        });
    }
}
