//! The outbox of a process: where its messages are, and the stream that tells of them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use platform::{Columns, Database, Jobs, Result, sql};
use tokio::sync::Notify;

use crate::failpoints::Failpoints;
use crate::metrics::{Metrics, QueueState};
use crate::stream::Stream;

/// The outbox of a process. Clones are one.
#[derive(Clone)]
pub struct Outbox(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) stream: Option<Stream>,
    pub(crate) woken: Notify,
    pub(crate) stream_is_full: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) failpoints: Failpoints,
    pub(crate) jobs: Jobs,
}

impl Outbox {
    /// The outbox in a database, delivered by way of a stream where there is one.
    pub fn new(database: Database, stream: Option<Stream>) -> Self {
        Self(Arc::new(Inner {
            database,
            stream,
            woken: Notify::new(),
            stream_is_full: AtomicBool::new(false),
            metrics: Metrics::new(),
            failpoints: Failpoints::from_environment(),
            jobs: Jobs::default(),
        }))
    }

    /// Tells the relay that there is something new.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Boundaries at which tests have it fail.
    pub fn failpoints(&self) -> &Failpoints {
        &self.0.failpoints
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.0.metrics.register(metrics);
    }

    /// What waits, and since when.
    ///
    /// # Errors
    /// Those of the database, not of Redis.
    pub async fn state(&self) -> Result<QueueState> {
        const SQL: &str = sql!(
            "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS unpublished,
                 (SELECT count(*) FROM dead_letters WHERE state = 'waiting') AS dead_letters,
                 coalesce((SELECT greatest(0, extract(epoch FROM clock_timestamp() - greatest(created_at, available_at)))
                     FROM outbox WHERE published_at IS NULL AND available_at <= now() ORDER BY id LIMIT 1), 0)::float8 AS oldest"
        );
        let stream = match &self.0.stream {
            Some(stream) => stream.state().await.ok(),
            None => None,
        };
        let row = sqlx::query(SQL).fetch_one(self.0.database.reads()).await?;
        let mut columns = Columns::of(&row);
        Ok(QueueState {
            unpublished: columns.get("unpublished")?,
            dead_letters: columns.get("dead_letters")?,
            oldest_seconds: columns.get("oldest")?,
            unread: stream.map(|(unread, _)| unread),
            in_progress: stream.map(|(_, in_progress)| in_progress),
        })
    }

    /// Has the gauges show what waits; nothing when it is not known.
    pub(crate) async fn measure(&self) -> Result<()> {
        let state = self.state().await;
        self.0.metrics.show(state.as_ref().ok().cloned());
        state.map(drop)
    }
}
