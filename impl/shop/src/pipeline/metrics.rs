//! What the pipeline tells Prometheus.

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
use shop_api::models::QueueStatus;

/// Seconds from accepting an order to deciding it.
const WAITED: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
const BATCH_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
const BATCH_SIZES: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Counters of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) published: Counter,
    pub(crate) republished: Counter,
    pub(crate) failures: Counter,
    pub(crate) buried: Counter,
    pub(crate) batches: Histogram,
    pub(crate) batch_seconds: Histogram,
    pub(crate) waited: Histogram,
    decided: Family<Outcome, Counter>,
    pub(crate) audit: AuditMetrics,
    queue: Arc<Mutex<Option<(QueueStatus, f64)>>>,
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
            published: Counter::default(),
            republished: Counter::default(),
            failures: Counter::default(),
            buried: Counter::default(),
            batches: Histogram::new(BATCH_SIZES),
            batch_seconds: Histogram::new(BATCH_SECONDS),
            waited: Histogram::new(WAITED),
            decided: Family::default(),
            audit: AuditMetrics::default(),
            queue: Arc::default(),
        }
    }

    pub(crate) fn decided(&self, outcome: &'static str, orders: u64) {
        self.decided.get_or_create(&Outcome { outcome }).inc_by(orders);
    }

    /// What the gauges show from now on, with the age of the outbox in seconds; nothing when it is not known.
    pub(crate) fn show_queue(&self, queue: Option<(QueueStatus, f64)>) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = queue;
    }

    pub(crate) fn register(&self, metrics: &Registered) {
        metrics.register(|registry| {
            registry.register("outbox_published", "Messages put into the stream", self.published.clone());
            registry.register(
                "outbox_republished",
                "Messages published again because the stream has lost them",
                self.republished.clone(),
            );
            registry.register("message_failures", "Failed attempts to handle a message", self.failures.clone());
            registry.register("messages_buried", "Messages that became dead letters", self.buried.clone());
            registry.register("orders_decided", "Orders by what became of them", self.decided.clone());
            registry.register("message_batch_size", "Messages of a batch", self.batches.clone());
            registry.register_with_unit("message_batch", "Time for a batch", Unit::Seconds, self.batch_seconds.clone());
            registry.register_with_unit(
                "order_decision",
                "From accepting an order to deciding it",
                Unit::Seconds,
                self.waited.clone(),
            );
            registry.register("stock_checks", "Rounds of comparing stock with its ledger", self.audit.rounds.clone());
            registry.register(
                "stock_checked_products",
                "Products compared with their ledger",
                self.audit.products.clone(),
            );
            registry.register(
                "stock_mismatched_products",
                "Products known to have another stock than their ledger says, or less than none",
                self.audit.mismatched.clone(),
            );
            registry.register("orders_checked", "Orders compared with their lines and reservations", self.audit.orders.clone());
            registry.register(
                "orders_inconsistent",
                "Orders known to have no lines, another total than their lines, or to hold other things than their state wants",
                self.audit.inconsistent.clone(),
            );
            registry.register_collector(Box::new(Queue(Arc::clone(&self.queue))));
        });
    }
}

#[derive(Debug)]
struct Queue(Arc<Mutex<Option<(QueueStatus, f64)>>>);

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some((queue, outbox_age)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        let numbers = [
            ("outbox_unpublished", "Messages not yet handed to the stream", Some(queue.unpublished)),
            ("stream_unread", "Messages in the stream no worker has taken", queue.unread),
            ("stream_in_progress", "Messages taken, not yet acknowledged", queue.in_progress),
            ("orders_pending", "Orders that wait for their reservation", Some(queue.pending_orders)),
            ("dead_letters_waiting", "Dead letters that wait for a decision", Some(queue.dead_letters)),
        ];
        for (name, help, number) in numbers {
            if let Some(number) = number {
                gauge(&mut encoder, name, help, number)?;
            }
        }
        let ages = [
            (
                "orders_pending_oldest_seconds",
                "Age of the oldest order that waits for its reservation",
                queue.oldest_seconds,
            ),
            ("outbox_oldest_seconds", "Age of the oldest due message not yet handed to the stream", outbox_age),
        ];
        for (name, help, age) in ages {
            gauge(&mut encoder, name, help, age)?;
        }
        Ok(())
    }
}
