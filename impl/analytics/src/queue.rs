//! Requests that arrive together are stored together: while one batch is being written the next one gathers, so that batches
//! are as large as the load is high and nobody waits for company. Acknowledged is what is committed.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use contract::Problem;
use platform::http::Metrics;
use platform::{Database, Error, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::TopPaths;
use crate::dictionary::{Dictionary, PathLimits};
use crate::read_cache::ReadCache;
use crate::storage::{self, Stored, View};

/// Rows of a batch. The more there are, the fewer blocks of counts there are for each; more would make others wait too long.
const BATCH: usize = 4_000;
/// Rows and bytes that may wait; beyond either, requests are refused at once.
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Batches written at once: while one waits for the disk, another one computes.
const WRITERS: usize = 2;

/// What one request wants stored.
struct Job {
    views: Vec<View>,
    rows: usize,
    bytes: usize,
    done: oneshot::Sender<Result<Vec<Stored>>>,
}

/// The queue in front of the tables. Clones are one; when the last is dropped, the writers end.
#[derive(Clone)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Job>,
    load: Arc<Load>,
    dictionary: Arc<Dictionary>,
}

/// What waits or is being written.
#[derive(Debug, Default)]
pub(crate) struct Load {
    rows: AtomicUsize,
    bytes: AtomicUsize,
    stored: Counter,
    duplicates: Counter,
    refused: Counter,
    batches: OnceLock<Histogram>,
}

impl Load {
    fn register(self: &Arc<Self>, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register("page_views_stored", "Page views that were stored", self.stored.clone());
            registry.register("page_views_repeated", "Page views that had been stored before", self.duplicates.clone());
            registry.register("page_views_refused", "Page views refused because too many wait", self.refused.clone());
            registry.register("page_view_batch_size", "Rows stored at once", self.batches().clone());
            registry.register_collector(Box::new(Waiting(Arc::clone(self))));
        });
    }

    fn batches(&self) -> &Histogram {
        self.batches.get_or_init(|| {
            Histogram::new([1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0])
        })
    }

    fn enter(&self, rows: usize, bytes: usize) -> bool {
        // Rows that have no room are not added for a moment: somebody else's may have.
        if !add(&self.rows, rows, MOST_ROWS) {
            return false;
        }
        let has_room = add(&self.bytes, bytes, MOST_BYTES);
        if !has_room {
            self.rows.fetch_sub(rows, Ordering::Relaxed);
        }
        has_room
    }

    fn leave(&self, rows: usize, bytes: usize) {
        self.rows.fetch_sub(rows, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Whether it was added: not beyond what there may be.
fn add(to: &AtomicUsize, more: usize, most: usize) -> bool {
    to.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now + more).filter(|sum| *sum <= most)).is_ok()
}

#[derive(Debug)]
struct Waiting(Arc<Load>);

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let rows = ConstGauge::new(i64::try_from(self.0.rows.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
        let help = "Page views that wait to be stored, or are being stored";
        rows.encode(encoder.encode_descriptor("page_views_waiting", help, None, rows.metric_type())?)?;
        let bytes = i64::try_from(self.0.bytes.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("page_views_waiting_limit", "Page views that may wait; more are refused", MOST_ROWS as i64),
            ("page_views_waiting_bytes", "Memory of the page views that wait", bytes),
            ("page_views_waiting_limit_bytes", "Memory they may have; what needs more is refused", MOST_BYTES as i64),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

impl Queue {
    /// A queue with its writers.
    pub(crate) fn start(database: Database, answers: ReadCache<TopPaths>, limits: PathLimits) -> Self {
        // Jobs are bounded by their rows, of which each has at least one.
        let (jobs, waiting) = mpsc::channel(MOST_ROWS);
        let (waiting, load) = (Arc::new(Mutex::new(waiting)), Arc::new(Load::default()));
        let dictionary = Arc::new(Dictionary::new(limits));
        for _ in 0..WRITERS {
            let writer = Writer {
                database: database.clone(),
                dictionary: Arc::clone(&dictionary),
                answers: answers.clone(),
                load: Arc::clone(&load),
            };
            tokio::spawn(write(writer, Arc::clone(&waiting)));
        }
        Self { jobs, load, dictionary }
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        self.load.register(metrics);
        metrics.register(|registry| {
            let help = "Page views counted under the path of those that have none of their own";
            registry.register("page_views_other", help, self.dictionary.others.clone());
        });
    }

    /// Stores page views; where each is, in their order.
    ///
    /// # Errors
    /// 503 `ingest_queue_full` at once when too many wait; those of the database.
    pub(crate) async fn store(&self, views: Vec<View>) -> Result<Vec<Stored>> {
        let (rows, bytes) = (views.len(), views.iter().map(weight).sum());
        if !self.load.enter(rows, bytes) {
            self.load.refused.inc_by(rows as u64);
            return Err(full());
        }
        let (done, stored) = oneshot::channel();
        if self.jobs.try_send(Job { views, rows, bytes, done }).is_err() {
            self.load.leave(rows, bytes);
            return Err(full());
        }
        stored.await.map_err(|_| Error::internal("a writer is gone"))?
    }
}

fn full() -> Error {
    Problem::unavailable("ingest_queue_full", "More page views wait to be stored than may; try again.", 1).into()
}

/// About how many bytes a page view occupies.
fn weight(view: &View) -> usize {
    size_of::<View>() + view.path.len() + view.referrer.as_ref().map_or(0, String::len) + 64
}

struct Writer {
    database: Database,
    dictionary: Arc<Dictionary>,
    answers: ReadCache<TopPaths>,
    load: Arc<Load>,
}

impl Writer {
    async fn store(&self, views: &Arc<Vec<View>>) -> Result<Vec<Stored>> {
        let stored = storage::insert(&self.database, &self.dictionary, views).await?;
        // Before anybody is told: whoever knows of it also sees it counted.
        self.answers.changed();
        Ok(stored)
    }
}

async fn write(writer: Writer, waiting: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        // The guard ends here: in the condition of the loop it would live as long as its body, and the other writer would wait
        // for this one's commit before it could even gather.
        let gathered = {
            let mut waiting = waiting.lock().await;
            gather(&mut waiting).await
        };
        let Some(mut jobs) = gathered else { return };
        let views = Arc::new(jobs.iter_mut().flat_map(|job| std::mem::take(&mut job.views)).collect::<Vec<_>>());
        writer.load.batches().observe(views.len() as f64);
        match writer.store(&views).await {
            Ok(stored) => {
                let mut stored = stored.into_iter();
                for job in jobs {
                    let mine = stored.by_ref().take(job.rows).collect();
                    settle(&writer.load, job, Ok(mine));
                }
            }
            // Away or busy: everybody is told, and comes again.
            Err(error) if error.is_unavailable() => {
                tracing::warn!(%error, rows = views.len(), "page views cannot be stored");
                for job in jobs {
                    let refusal = error.unavailable().map_or_else(full, Error::from);
                    settle(&writer.load, job, Err(refusal));
                }
            }
            // Something is wrong with one of them: each request alone, so that its neighbours go on.
            Err(_) => {
                let mut views = Arc::unwrap_or_clone(views).into_iter();
                for job in jobs {
                    let mine = views.by_ref().take(job.rows).collect();
                    let stored = writer.store(&Arc::new(mine)).await;
                    settle(&writer.load, job, stored);
                }
            }
        }
    }
}

/// What waits, up to a batch; nothing when nobody will send any more.
async fn gather(waiting: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    let first = waiting.recv().await?;
    let mut rows = first.rows;
    let mut jobs = vec![first];
    while rows < BATCH
        && let Ok(job) = waiting.try_recv()
    {
        rows += job.rows;
        jobs.push(job);
    }
    Some(jobs)
}

fn settle(load: &Load, job: Job, stored: Result<Vec<Stored>>) {
    load.leave(job.rows, job.bytes);
    if let Ok(stored) = &stored {
        let duplicates = stored.iter().filter(|stored| stored.duplicate).count();
        load.duplicates.inc_by(duplicates as u64);
        load.stored.inc_by((stored.len() - duplicates) as u64);
    }
    // Whoever asked may be gone; what is stored is stored.
    let _ = job.done.send(stored);
}
