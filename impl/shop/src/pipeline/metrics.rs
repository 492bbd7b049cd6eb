//! What the pipeline tells Prometheus of orders, beside what the outbox tells of messages.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use platform::http::{Metrics as Registered, gauge};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

/// Seconds from accepting an order to deciding it.
const WAITED: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Counters of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) waited: Histogram,
    decided: Family<Outcome, Counter>,
    pub(crate) audit: AuditMetrics,
    pending: Arc<Mutex<Option<(i64, f64)>>>,
}

/// What comparing stock with its ledger, and orders with what they hold, has found.
#[derive(Debug, Default)]
pub(crate) struct AuditMetrics {
    pub(crate) rounds: Counter,
    pub(crate) products: Counter,
    pub(crate) mismatched: Gauge,
    pub(crate) orders: Counter,
    pub(crate) inconsistent: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            waited: Histogram::new(WAITED),
            decided: Family::default(),
            audit: AuditMetrics::default(),
            pending: Arc::default(),
        }
    }

    pub(crate) fn decided(&self, outcome: &'static str, orders: u64) {
        self.decided.get_or_create(&Outcome { outcome }).inc_by(orders);
    }

    /// What the gauges show from now on: how many orders are pending, and for how many seconds; nothing when it is not known.
    pub(crate) fn show_pending(&self, pending: Option<(i64, f64)>) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = pending;
    }

    pub(crate) fn register(&self, metrics: &Registered) {
        metrics.register(|registry| {
            registry.register("orders_processed", "Orders processed by outcome", self.decided.clone());
            registry.register_with_unit(
                "order_processing_duration",
                "Time from the creation of an order to its reservation or failure",
                Unit::Seconds,
                self.waited.clone(),
            );
            registry.register(
                "stock_checks",
                "Completed consistency checks of stock and orders",
                self.audit.rounds.clone(),
            );
            registry.register(
                "stock_checked_products",
                "Products whose stock was checked against the stock ledger",
                self.audit.products.clone(),
            );
            registry.register(
                "stock_mismatched_products",
                "Products whose stock differs from the stock ledger or is negative",
                self.audit.mismatched.clone(),
            );
            registry.register(
                "orders_checked",
                "Orders checked against their lines and reservations",
                self.audit.orders.clone(),
            );
            registry.register(
                "orders_inconsistent",
                "Orders whose lines, total or reservations contradict their status",
                self.audit.inconsistent.clone(),
            );
            registry.register_collector(Box::new(Pending(Arc::clone(&self.pending))));
        });
    }
}

#[derive(Debug)]
struct Pending(Arc<Mutex<Option<(i64, f64)>>>);

impl Collector for Pending {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some((orders, oldest)) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        gauge(&mut encoder, "orders_pending", "Orders awaiting reservation", orders)?;
        let help = "Age of the oldest order awaiting reservation";
        gauge(&mut encoder, "orders_pending_oldest_age_seconds", help, oldest)
    }
}
