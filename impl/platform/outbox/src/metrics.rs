//! What an outbox tells Prometheus.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use platform::http::{Metrics as Registered, gauge};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

const BATCH_SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
const BATCH_SIZES: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0];

/// What waits.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueState {
    /// Messages not yet handed to the stream.
    pub unpublished: i64,
    /// Dead letters that wait for a decision.
    pub dead_letters: i64,
    /// Seconds for which the oldest message that is due has waited to be handed to the stream; 0 when none waits.
    pub oldest_seconds: f64,
    /// Entries of the stream that no worker was given; nothing when Redis is unavailable.
    pub unread: Option<i64>,
    /// Entries of the stream that are being worked on; nothing when Redis is unavailable.
    pub in_progress: Option<i64>,
}

/// Counters of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) published: Counter,
    pub(crate) republished: Counter,
    pub(crate) failures: Counter,
    pub(crate) dead_lettered: Counter,
    pub(crate) batches: Histogram,
    pub(crate) batch_seconds: Histogram,
    state: Arc<Mutex<Option<QueueState>>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            published: Counter::default(),
            republished: Counter::default(),
            failures: Counter::default(),
            dead_lettered: Counter::default(),
            batches: Histogram::new(BATCH_SIZES),
            batch_seconds: Histogram::new(BATCH_SECONDS),
            state: Arc::default(),
        }
    }

    /// What the gauges show from now on; nothing when it is not known.
    pub(crate) fn show(&self, state: Option<QueueState>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn register(&self, metrics: &Registered) {
        metrics.register(|registry| {
            registry.register("outbox_messages_published", "Messages published to the stream", self.published.clone());
            registry.register(
                "outbox_messages_republished",
                "Messages published again because the stream had lost them",
                self.republished.clone(),
            );
            registry.register(
                "message_processing_failures",
                "Failed attempts to process a message",
                self.failures.clone(),
            );
            registry.register(
                "messages_dead_lettered",
                "Messages moved to the dead-letter queue",
                self.dead_lettered.clone(),
            );
            registry.register("message_batch_size", "Messages per batch", self.batches.clone());
            let help = "Time to process a batch of messages";
            registry.register_with_unit("message_batch_duration", help, Unit::Seconds, self.batch_seconds.clone());
            registry.register_collector(Box::new(Waiting(Arc::clone(&self.state))));
        });
    }
}

#[derive(Debug)]
struct Waiting(Arc<Mutex<Option<QueueState>>>);

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(state) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        let numbers = [
            ("outbox_unpublished_messages", "Messages in the outbox not yet published", Some(state.unpublished)),
            ("stream_lag_messages", "Messages in the stream not yet delivered to a worker", state.unread),
            ("stream_pending_messages", "Messages delivered to a worker and not yet acknowledged", state.in_progress),
            ("dead_letter_queue_messages", "Dead letters neither requeued nor discarded", Some(state.dead_letters)),
        ];
        for (name, help, number) in numbers {
            if let Some(number) = number {
                gauge(&mut encoder, name, help, number)?;
            }
        }
        let help = "Age of the oldest due message in the outbox not yet published";
        gauge(&mut encoder, "outbox_oldest_message_age_seconds", help, state.oldest_seconds)
    }
}
