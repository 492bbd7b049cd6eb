//! What sending tells Prometheus.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use platform::http::{Metrics as Registered, gauge};
use platform::{Columns, Database, Result, sql};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Outcomes, each of which is there from the start.
const OUTCOMES: [&str; 6] = ["sent", "deferred", "rejected", "unreachable", "expired", "limited"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// What waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    pending: i64,
    oldest_seconds: f64,
}

/// Of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    outcomes: Family<Outcome, Counter>,
    waiting: Arc<Mutex<Option<Waiting>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self { outcomes: Family::default(), waiting: Arc::default() };
        OUTCOMES.iter().for_each(|outcome| metrics.add(outcome, 0));
        metrics
    }
}

impl Metrics {
    pub(crate) fn count(&self, outcome: &'static str) {
        self.add(outcome, 1);
    }

    pub(crate) fn add(&self, outcome: &'static str, number: u64) {
        self.outcomes.get_or_create(&Outcome { outcome }).inc_by(number);
    }

    /// Has the gauges show what waits; nothing when it is not known.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn measure(&self, database: &Database) -> Result<()> {
        // More than a million are a million: nobody counts for minutes.
        const SQL: &str = sql!(
            "SELECT count(*) AS pending,
                 coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest
             FROM (SELECT created_at FROM mails LIMIT 1000000) AS pending"
        );
        let row = sqlx::query(SQL).persistent(false).fetch_one(database.latest_reads()).await;
        let waiting = row.and_then(|row| {
            let mut columns = Columns::of(&row);
            Ok(Waiting { pending: columns.get("pending")?, oldest_seconds: columns.get("oldest")? })
        });
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting.as_ref().ok().copied();
        waiting?;
        Ok(())
    }

    pub(crate) fn register(&self, metrics: &Registered) {
        metrics.register(|registry| {
            let help = "Mails and attempts to send one, by outcome";
            registry.register("mail_outcomes", help, self.outcomes.clone());
            registry.register_collector(Box::new(Gauges(Arc::clone(&self.waiting))));
        });
    }
}

#[derive(Debug)]
struct Gauges(Arc<Mutex<Option<Waiting>>>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(waiting) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        gauge(&mut encoder, "mails_pending", "Mails that have not been sent yet, of all processes", waiting.pending)?;
        let help = "Age of the oldest mail that has not been sent yet";
        gauge(&mut encoder, "mails_oldest_pending_seconds", help, waiting.oldest_seconds)
    }
}
