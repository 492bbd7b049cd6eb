//! What deliveries tell Prometheus.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform::http::{Metrics as Registered, gauge};
use platform::{Columns, Database, Result, sql};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::outcome::Outcome;

/// Seconds; up to the timeout of an attempt.
const ATTEMPT_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempted {
    outcome: &'static str,
}

/// What waits, of one service.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pending: i64,
    failed: i64,
    oldest_due_seconds: f64,
}

/// Of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    attempts: Family<Attempted, Counter>,
    seconds: Histogram,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self { attempts: Family::default(), seconds: Histogram::new(ATTEMPT_SECONDS), waiting: Arc::default() }
    }

    pub(crate) fn attempted(&self, outcome: &Outcome, took: Duration) {
        self.attempts.get_or_create(&Attempted { outcome: outcome.label() }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Has the gauges show what waits; nothing when it is not known.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn measure(&self, database: &Database, service: &str) -> Result<()> {
        // More than a million are a million: nobody counts for minutes.
        const SQL: &str = sql!(
            "SELECT count(*) AS pending,
                 coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(due_at))), 0)::float8 AS oldest,
                 (SELECT count(*) FROM (SELECT FROM webhook_deliveries
                     WHERE service = $1 AND state = 'failed' LIMIT 1000000) AS failed) AS failed
             FROM (SELECT due_at FROM webhook_deliveries
                 WHERE service = $1 AND state = 'pending' LIMIT 1000000) AS pending"
        );
        let row = sqlx::query(SQL).bind(service).persistent(false).fetch_one(database.reads()).await;
        let waiting = row.and_then(|row| {
            let mut columns = Columns::of(&row);
            let (pending, oldest_due_seconds) = (columns.get("pending")?, columns.get("oldest")?);
            Ok(Waiting { pending, oldest_due_seconds, failed: columns.get("failed")? })
        });
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting.as_ref().ok().cloned();
        waiting?;
        Ok(())
    }

    pub(crate) fn register(&self, metrics: &Registered) {
        metrics.register(|registry| {
            let help = "Attempts to deliver a webhook, by outcome";
            registry.register("webhook_attempts", help, self.attempts.clone());
            let help = "Time from the start of an attempt to deliver a webhook to the end of the response";
            registry.register_with_unit("webhook_attempt_duration", help, Unit::Seconds, self.seconds.clone());
            registry.register_collector(Box::new(Gauges(Arc::clone(&self.waiting))));
        });
    }
}

#[derive(Debug)]
struct Gauges(Arc<Mutex<Option<Waiting>>>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(waiting) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        let help = "Webhooks not yet delivered, of all processes of the service";
        gauge(&mut encoder, "webhook_deliveries_pending", help, waiting.pending)?;
        let help = "Webhooks given up within 30 days, neither sent again nor discarded";
        gauge(&mut encoder, "webhook_deliveries_failed", help, waiting.failed)?;
        let help = "Time for which the oldest webhook that is due has waited for an attempt";
        gauge(&mut encoder, "webhook_deliveries_oldest_due_seconds", help, waiting.oldest_due_seconds)
    }
}
