//! Requests that arrive together are stored together: while one batch is being written the next one gathers, so that batches
//! are as large as the load is high and nobody waits for company. Acknowledged is what is committed.
//!
//! One client may hold a part of what may wait, and batches take from clients in turn: whoever sends little waits for a batch or
//! two, however much others have sent.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use contract::Problem;
use platform::http::Metrics;
use platform::shares::{Exhausted, Requester, Subject, too_many};
use platform::{Database, Error, Result, restart_on_panic};
use tokio::sync::oneshot;

use crate::intake::dictionary::Dictionary;
use crate::intake::page_view::View;
use crate::intake::path_limits::PathLimits;
use crate::intake::storage::{self, Stored};
use crate::reports::read_cache::ReadCache;
use crate::reports::top_paths::TopPaths;
use lines::{Job, Open, Waiting};
use load::Load;

mod lines;
mod load;

/// What clients hold shares of: page views that wait.
pub(crate) const PAGE_VIEWS: &str = "page_views";
/// Batches written at once: while one waits for the disk, another one computes.
const WRITERS: usize = 2;

/// The queue in front of the tables. Clones are one; when the last is dropped, the writers end.
#[derive(Clone)]
pub(crate) struct Queue {
    waiting: Arc<Open>,
    load: Arc<Load>,
    dictionary: Arc<Dictionary>,
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
            let help = "Page views counted as (other) because the limit of distinct paths was reached";
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
                Exhausted::Share => too_many(PAGE_VIEWS).into(),
                Exhausted::All => full(),
            }
        })?;
        let (done, stored) = oneshot::channel();
        self.waiting.0.push(subject, Job { views, rows, places, done });
        stored.await.map_err(|_| Error::internal("a writer is gone"))?
    }
}

fn full() -> Error {
    Problem::unavailable("ingest_queue_full", "The ingest queue is full; try again.", 1).into()
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
                    tracing::warn!(%error, rows = views.len(), "storing page views failed");
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
