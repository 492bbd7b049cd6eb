//! Requests that arrive together are stored together: while one batch is being written the next one gathers, so that batches
//! are as large as the load is high and nobody waits for company. Acknowledged is what is committed.
//!
//! One client may hold a part of what may wait, and batches take from clients in turn: whoever sends little waits for a batch or
//! two, however much others have sent.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use contract::Problem;
use platform::http::{Metrics, gauge};
use platform::shares::{Exhausted, Requester, Stock, Subject, Taken, too_many};
use platform::{Database, Error, Result, restart_on_panic};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{Notify, oneshot};

use crate::TopPaths;
use crate::dictionary::{Dictionary, PathLimits};
use crate::read_cache::ReadCache;
use crate::storage::{self, Stored, View};

/// Rows of a batch. The more there are, the fewer blocks of counts there are for each; more would make others wait too long.
const BATCH: usize = 4_000;
/// Rows and bytes that may wait; beyond either, requests are refused at once.
const MOST_ROWS: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How many times what is left of them one client may have: alone three quarters, a second one three quarters of the rest.
const OF_LEFT: f64 = 3.0;
/// Batches written at once: while one waits for the disk, another one computes.
const WRITERS: usize = 2;

/// What one request wants stored.
struct Job {
    views: Vec<View>,
    rows: usize,
    /// Rows and bytes, counted for whoever sent them until they are stored.
    places: (Taken, Taken),
    done: oneshot::Sender<Result<Vec<Stored>>>,
}

/// The queue in front of the tables. Clones are one; when the last is dropped, the writers end.
#[derive(Clone)]
pub(crate) struct Queue {
    waiting: Arc<Open>,
    load: Arc<Load>,
    dictionary: Arc<Dictionary>,
}

/// Jobs that wait, those of each client in the order they came.
#[derive(Default)]
struct Waiting {
    lines: Mutex<Lines>,
    /// Rung when there is something to do.
    bell: Notify,
}

#[derive(Default)]
struct Lines {
    by: HashMap<Subject, VecDeque<Job>>,
    /// Those with a job, in the order of their turns.
    turns: VecDeque<Subject>,
    closed: bool,
}

/// Closes what waits when nobody can send any more.
struct Open(Arc<Waiting>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        // One wakes the other.
        self.0.bell.notify_one();
    }
}

impl Waiting {
    fn push(&self, subject: Subject, job: Job) {
        let mut lines = self.lock();
        let line = lines.by.entry(subject).or_default();
        line.push_back(job);
        if line.len() == 1 {
            lines.turns.push_back(subject);
        }
        drop(lines);
        self.bell.notify_one();
    }

    /// What waits, up to a batch; nothing when nobody will send any more.
    async fn gather(&self) -> Option<Vec<Job>> {
        loop {
            let jobs = {
                let mut lines = self.lock();
                let jobs = lines.take();
                if !jobs.is_empty() && !lines.turns.is_empty() || lines.closed {
                    // For the other writer.
                    self.bell.notify_one();
                }
                if jobs.is_empty() && lines.closed {
                    return None;
                }
                jobs
            };
            if !jobs.is_empty() {
                return Some(jobs);
            }
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// One job of each client in turn, until they are a batch.
    fn take(&mut self) -> Vec<Job> {
        let (mut jobs, mut rows) = (Vec::new(), 0);
        while rows < BATCH
            && let Some(subject) = self.turns.pop_front()
        {
            let Some(line) = self.by.get_mut(&subject) else { continue };
            if let Some(job) = line.pop_front() {
                rows += job.rows;
                jobs.push(job);
            }
            if line.is_empty() {
                self.by.remove(&subject);
            } else {
                self.turns.push_back(subject);
            }
        }
        jobs
    }
}

/// What waits or is being written.
#[derive(Debug)]
pub(crate) struct Load {
    rows: Stock,
    bytes: Stock,
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
            registry.register_collector(Box::new(Gauges(Arc::clone(self))));
        });
    }

    fn batches(&self) -> &Histogram {
        self.batches.get_or_init(|| {
            Histogram::new([1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0])
        })
    }

    /// Places for so much.
    fn take(&self, subject: Subject, rows: usize, bytes: usize) -> Result<(Taken, Taken), Exhausted> {
        // Rows are given back when there is no room for their bytes.
        let rows = self.rows.take(subject, rows)?;
        Ok((rows, self.bytes.take(subject, bytes)?))
    }

    fn settle(&self, job: Job, stored: Result<Vec<Stored>>) {
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
        let waiting = "Page views that wait to be stored, or are being stored";
        for (name, help, value) in [
            ("page_views_waiting", waiting, held(&self.0.rows)),
            ("page_views_waiting_limit", "Page views that may wait; more are refused", MOST_ROWS as i64),
            ("page_views_waiting_bytes", "Memory of the page views that wait", held(&self.0.bytes)),
            ("page_views_waiting_limit_bytes", "Memory they may have; what needs more is refused", MOST_BYTES as i64),
        ] {
            gauge(&mut encoder, name, help, value)?;
        }
        Ok(())
    }
}

impl Queue {
    /// A queue with its writers.
    pub(crate) fn start(database: Database, answers: ReadCache<TopPaths>, limits: PathLimits) -> Self {
        let (waiting, load) = (Arc::new(Waiting::default()), Arc::new(Load::default()));
        let dictionary = Arc::new(Dictionary::new(limits));
        for _ in 0..WRITERS {
            let writer = Writer {
                database: database.clone(),
                dictionary: Arc::clone(&dictionary),
                answers: answers.clone(),
                load: Arc::clone(&load),
                waiting: Arc::clone(&waiting),
            };
            // Those whose batch it was when it panics are told that it failed.
            tokio::spawn(restart_on_panic(move || writer.clone().write()));
        }
        Self { waiting: Arc::new(Open(waiting)), load, dictionary }
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
    /// At once 429 `too_many_concurrent_requests` when too many of whoever sends them wait, 503 `ingest_queue_full` when too many
    /// of all do; those of the database.
    pub(crate) async fn store(&self, views: Vec<View>) -> Result<Vec<Stored>> {
        let (rows, bytes) = (views.len(), views.iter().map(weight).sum());
        let requester = Requester::current();
        let subject =
            requester.map_or(Subject::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), |requester| requester.subject());
        let places = self.load.take(subject, rows, bytes).map_err(|exhausted| {
            self.load.refused.inc_by(rows as u64);
            match exhausted {
                Exhausted::Share => too_many("page_views").into(),
                Exhausted::All => full(),
            }
        })?;
        let (done, stored) = oneshot::channel();
        self.waiting.0.push(subject, Job { views, rows, places, done });
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

#[derive(Clone)]
struct Writer {
    database: Database,
    dictionary: Arc<Dictionary>,
    answers: ReadCache<TopPaths>,
    load: Arc<Load>,
    waiting: Arc<Waiting>,
}

impl Writer {
    async fn store(&self, views: &Arc<Vec<View>>) -> Result<Vec<Stored>> {
        let stored = storage::insert(&self.database, &self.dictionary, views).await?;
        // Before anybody is told: whoever knows of it also sees it counted.
        self.answers.changed();
        Ok(stored)
    }

    async fn write(self) {
        while let Some(mut jobs) = self.waiting.gather().await {
            let views = Arc::new(jobs.iter_mut().flat_map(|job| std::mem::take(&mut job.views)).collect::<Vec<_>>());
            self.load.batches().observe(views.len() as f64);
            match self.store(&views).await {
                Ok(stored) => {
                    let mut stored = stored.into_iter();
                    for job in jobs {
                        let mine = stored.by_ref().take(job.rows).collect();
                        self.load.settle(job, Ok(mine));
                    }
                }
                // Away or busy: everybody is told, and comes again.
                Err(error) if error.is_unavailable() => {
                    tracing::warn!(%error, rows = views.len(), "page views cannot be stored");
                    for job in jobs {
                        let refusal = error.unavailable().map_or_else(full, Error::from);
                        self.load.settle(job, Err(refusal));
                    }
                }
                // Something is wrong with one of them: each request alone, so that its neighbours go on.
                Err(_) => {
                    let mut views = Arc::unwrap_or_clone(views).into_iter();
                    for job in jobs {
                        let mine = views.by_ref().take(job.rows).collect();
                        let stored = self.store(&Arc::new(mine)).await;
                        self.load.settle(job, stored);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(load: &Load, user: i64, rows: usize) -> (Subject, Job) {
        let subject = Subject::User(user);
        let places = load.take(subject, rows, rows).expect("there is room");
        (subject, Job { views: Vec::new(), rows, places, done: oneshot::channel().0 })
    }

    #[tokio::test]
    async fn whoever_sends_little_is_in_the_next_batch_however_much_waits() {
        let (waiting, load) = (Arc::new(Waiting::default()), Load::default());
        let open = Open(Arc::clone(&waiting));
        let push = |user, rows| {
            let (subject, job) = job(&load, user, rows);
            waiting.push(subject, job);
        };
        (0..12).for_each(|_| push(1, 1_000));
        push(2, 1);
        (0..2).for_each(|_| push(3, 10));
        let rows = |jobs: Vec<Job>| jobs.iter().map(|job| job.rows).collect::<Vec<_>>();
        assert_eq!(rows(waiting.gather().await.expect("a batch")), [1_000, 1, 10, 1_000, 10, 1_000, 1_000]);
        assert_eq!(load.rows.state().1, 8_000);
        drop(open);
        // What waits is stored before the end.
        assert_eq!(rows(waiting.gather().await.expect("a batch")).len(), 4);
        assert_eq!(rows(waiting.gather().await.expect("a batch")).len(), 4);
        let ends = async { (waiting.gather().await.is_none(), waiting.gather().await.is_none()) };
        assert_eq!(ends.await, (true, true), "both writers end");
        assert_eq!((load.rows.state().1, load.bytes.state().1), (0, 0));
        assert!(waiting.lock().by.is_empty());
    }

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
