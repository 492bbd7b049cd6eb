//! How much waits or is being written, who may have how much of it, and what is measured of it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use platform::Result;
use platform::http::{Metrics, gauge};
use platform::shares::{Exhausted, Stock, Subject, Taken};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::lines::Job;
use crate::intake::storage::Stored;

/// Rows and bytes that may wait; beyond either, requests are rejected at once.
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How many times what is left of them one client may have: alone three quarters, a second one three quarters of the rest.
const OF_LEFT: f64 = 3.0;

/// What waits or is being written.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) rows: Stock,
    pub(super) bytes: Stock,
    stored: Counter,
    duplicates: Counter,
    pub(super) refused: Counter,
    batches: OnceLock<Histogram>,
}

impl Load {
    pub(super) fn register(self: &Arc<Self>, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register("page_views_stored", "Page views stored", self.stored.clone());
            registry.register("page_views_duplicate", "Page views ignored as duplicates", self.duplicates.clone());
            registry.register(
                "page_views_rejected",
                "Page views rejected because the ingest queue was full",
                self.refused.clone(),
            );
            registry.register("page_view_batch_size", "Page views per insert", self.batches().clone());
            registry.register_collector(Box::new(Gauges(Arc::clone(self))));
        });
    }

    pub(super) fn batches(&self) -> &Histogram {
        self.batches.get_or_init(|| {
            Histogram::new([1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0])
        })
    }

    /// Places for so much.
    pub(super) fn take(&self, subject: Subject, rows: usize, bytes: usize) -> Result<(Taken, Taken), Exhausted> {
        // Rows are given back when there is no room for their bytes.
        let rows = self.rows.take(subject, rows)?;
        Ok((rows, self.bytes.take(subject, bytes)?))
    }

    pub(super) fn settle(&self, job: Job, stored: Result<Vec<Stored>>) {
        if let Ok(stored) = &stored {
            let duplicates = stored.iter().filter(|stored| stored.duplicate).count();
            self.duplicates.inc_by(duplicates as u64);
            self.stored.inc_by((stored.len() - duplicates) as u64);
        }
        // Before anybody is told: whoever knows of it finds its places free.
        drop(job.places);
        // Whoever asked may be gone; what is stored is stored.
        let _ = job.done.send(stored);
    }
}

impl Default for Load {
    fn default() -> Self {
        let stock = |total| Stock::new(total, OF_LEFT, usize::MAX);
        Self {
            rows: stock(MOST_ROWS),
            bytes: stock(MOST_BYTES),
            stored: Counter::default(),
            duplicates: Counter::default(),
            refused: Counter::default(),
            batches: OnceLock::new(),
        }
    }
}

#[derive(Debug)]
struct Gauges(Arc<Load>);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let held = |stock: &Stock| i64::try_from(stock.state().1).unwrap_or(i64::MAX);
        let help = "Page views in the ingest queue";
        for (name, help, value) in [
            ("page_views_queued", help, held(&self.0.rows)),
            ("page_views_queued_limit", "Maximum number of page views in the ingest queue", MOST_ROWS as i64),
            ("page_views_queued_bytes", "Memory of the ingest queue", held(&self.0.bytes)),
            ("page_views_queued_limit_bytes", "Maximum memory of the ingest queue", MOST_BYTES as i64),
        ] {
            gauge(&mut encoder, name, help, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_a_part_of_the_places_and_is_told_that_it_is_its_own_doing() {
        let load = Load::default();
        let one = Subject::User(1);
        let held: Vec<_> = std::iter::from_fn(|| load.take(one, 1_000, 1_000).ok()).collect();
        assert_eq!(held.len(), 15);
        assert_eq!(load.take(one, 1_000, 1_000).err(), Some(Exhausted::Share));
        let other = load.take(Subject::User(2), 1_000, 1_000).expect("something is left");
        let large = load.take(Subject::User(2), 1, MOST_BYTES);
        assert_eq!((large.err(), load.rows.state().1), (Some(Exhausted::All), 16_000), "no row stays counted");
        drop((held, other));
        assert_eq!((load.rows.state().1, load.bytes.state().1), (0, 0));
    }
}
