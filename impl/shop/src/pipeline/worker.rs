//! A worker: takes messages, in batches, from the stream or, without one, from the outbox itself.

use std::time::{Duration, Instant, SystemTime};

use chrono::Utc;
use deadpool_redis::redis::RedisError;
use deadpool_redis::redis::aio::MultiplexedConnection;
use platform::{Result, jittered, sql};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::batch::{self, Done, Due};
use super::failpoints::Failpoint;
use super::stream::{Entry, Stream, answered, no_group};
use super::{Pipeline, trace};

/// Most messages of a batch.
const BATCH: usize = 200;
/// How long a read waits for the first message; also how late an order to stop may be noticed.
const BLOCK: Duration = Duration::from_millis(500);
/// Entries that are not acknowledged after this long are taken over: their worker is dead, or as good as.
pub(crate) const ABANDONED: Duration = Duration::from_secs(4);
/// How often one looks for such entries.
const LOOK: Duration = Duration::from_secs(1);
/// Entries that were delivered more often are handled alone: one of them may be what killed its workers.
const SUSPICIOUS: u64 = 3;
/// Entries that were delivered more often are given up. Failures are counted in the database, see [`Pipeline::count_failure`];
/// this is for messages that do not leave the time to count.
const HOPELESS: u64 = 25;
/// How often the outbox is asked while there is no stream, and how often a stream is looked for.
const POLL: Duration = Duration::from_millis(200);
const RECONNECT: Duration = Duration::from_secs(1);
/// Between two attempts while Postgres is away.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A batch that Postgres refuses so often although it answers is taken apart.
const PATIENCE: u32 = 5;

/// A consumer of messages.
#[derive(Debug)]
pub struct Worker {
    pipeline: Pipeline,
    name: String,
    connection: Option<MultiplexedConnection>,
    /// When one last looked for a stream, or for abandoned entries in it.
    looked: Option<Instant>,
    /// It was told already that the stream cannot be used.
    without: bool,
}

impl Worker {
    /// A worker of a name that no other has.
    pub fn new(pipeline: Pipeline) -> Self {
        let name = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Self { pipeline, name, connection: None, looked: None, without: false }
    }

    /// One round of everything a worker does, without waiting for anything: publishes what is due, takes over what is
    /// abandoned for at least `abandoned`, handles what there is, gives back what has expired. How many messages were done.
    ///
    /// # Errors
    /// When Postgres cannot be used. Redis may be away.
    pub async fn step(&mut self, abandoned: Duration) -> Result<usize> {
        let _ = self.pipeline.publish().await;
        let mut done = 0;
        if let Some(entries) = self.take_over(abandoned).await {
            done += self.handle(entries).await?;
        }
        done += match self.receive(None).await {
            Some(entries) => self.handle(entries).await?,
            None => self.batch(Due::Any(BATCH as i64)).await?.messages.len(),
        };
        self.pipeline.expire().await?;
        Ok(done)
    }

    /// Works until it is told to stop; what was begun is finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let looked = self.looked;
            if looked.is_none_or(|looked| looked.elapsed() > LOOK)
                && let Some(entries) = self.take_over(ABANDONED).await
            {
                self.handle_until_done(entries, &shutdown).await;
            }
            match self.receive(Some(BLOCK)).await {
                Some(entries) => self.handle_until_done(entries, &shutdown).await,
                None => match self.batch(Due::Any(BATCH as i64)).await {
                    Ok(done) if !done.messages.is_empty() => {}
                    Ok(_) => pause(POLL, &shutdown).await,
                    Err(error) if error.is_unavailable() => pause(LONGEST_PAUSE, &shutdown).await,
                    // One of them fails: each alone, and that one is counted. Or all of it does: then there is no hurry.
                    Err(_) => {
                        self.one_by_one(&shutdown).await;
                        pause(POLL, &shutdown).await;
                    }
                },
            }
        }
    }

    /// Entries nobody has, or nothing at all when there is no stream to read from.
    async fn receive(&mut self, block: Option<Duration>) -> Option<Vec<Entry>> {
        let stream = self.pipeline.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        let read = stream.read(&mut connection, &self.name, BATCH, block).await;
        let entries = self.settle(&stream, connection, read).await?;
        // What was delivered and is lost here is taken over later.
        self.pipeline.0.failpoints.hit(Failpoint::WorkerReceived).ok()?;
        Some(entries)
    }

    async fn take_over(&mut self, abandoned: Duration) -> Option<Vec<Entry>> {
        let stream = self.pipeline.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        self.looked = Some(Instant::now());
        let claimed = stream.claim(&mut connection, &self.name, BATCH, abandoned).await;
        let entries = self.settle(&stream, connection, claimed).await?;
        if !entries.is_empty() {
            tracing::info!(entries = entries.len(), "took over what another worker has left");
            self.pipeline.0.failpoints.hit(Failpoint::WorkerClaimed).ok()?;
        }
        Some(entries)
    }

    async fn connect(&mut self, stream: &Stream) -> Option<MultiplexedConnection> {
        if let Some(connection) = self.connection.take() {
            return Some(connection);
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < RECONNECT) {
            return None;
        }
        self.looked = Some(Instant::now());
        match stream.connect(BLOCK).await {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.do_without(&error);
                None
            }
        }
    }

    /// Keeps the connection if it is still good. A group that is not there is made.
    async fn settle<T: Default>(
        &mut self,
        stream: &Stream,
        mut connection: MultiplexedConnection,
        result: Result<T, RedisError>,
    ) -> Option<T> {
        match result {
            Ok(result) => {
                self.connection = Some(connection);
                if std::mem::take(&mut self.without) {
                    tracing::info!("the stream can be read again");
                }
                Some(result)
            }
            Err(error) if no_group(&error) => match stream.ensure_group(&mut connection).await {
                Ok(_) => {
                    self.pipeline.0.failpoints.hit(Failpoint::GroupCreated).ok()?;
                    self.connection = Some(connection);
                    Some(T::default())
                }
                Err(_) => None,
            },
            Err(error) => {
                self.do_without(&error);
                if answered(&error) {
                    self.connection = Some(connection);
                }
                None
            }
        }
    }

    fn do_without(&mut self, error: &RedisError) {
        if !std::mem::replace(&mut self.without, true) {
            tracing::warn!(%error, "the stream cannot be read: the outbox is asked instead");
        }
    }

    /// Handles entries again and again while Postgres is away: they stay with this worker, unless another takes them over.
    async fn handle_until_done(&mut self, entries: Vec<Entry>, shutdown: &CancellationToken) {
        let mut wait = FIRST_PAUSE;
        let mut refused = 0;
        while !shutdown.is_cancelled() {
            let Err(error) = self.handle(entries.clone()).await else { return };
            refused += 1;
            if !error.is_unavailable() || (refused > PATIENCE && self.pipeline.0.database.ping().await.is_ok()) {
                return self.each_alone(&entries, shutdown).await;
            }
            pause(wait, shutdown).await;
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }

    /// Handles entries; how many messages are done.
    async fn handle(&self, entries: Vec<Entry>) -> Result<usize> {
        let (mut batch, mut names) = (Vec::new(), Vec::new());
        let mut suspects = Vec::new();
        for entry in entries {
            match entry.message {
                Ok(_) if entry.deliveries > SUSPICIOUS => suspects.push(entry),
                Ok(message) => {
                    batch.push(message);
                    names.push((message, entry.id));
                }
                Err(ref payload) => {
                    self.pipeline.bury_entry(&entry.id, payload).await?;
                    self.acknowledge(vec![entry.id]).await;
                }
            }
        }
        let mut handled = self.named(batch, names).await?;
        for entry in suspects {
            let Ok(message) = entry.message else { continue };
            if entry.deliveries > HOPELESS {
                let reason = format!("it was delivered {} times and never done", entry.deliveries);
                self.pipeline.bury(message, &reason).await?;
                self.acknowledge(vec![entry.id]).await;
            } else {
                handled += self.alone(message, entry.id).await?;
            }
        }
        Ok(handled)
    }

    async fn named(&self, mut messages: Vec<i64>, entries: Vec<(i64, String)>) -> Result<usize> {
        if messages.is_empty() {
            return Ok(0);
        }
        messages.sort_unstable();
        messages.dedup();
        let done = self.batch(Due::Named(messages.into())).await?;
        let finished = entries.into_iter().filter(|(message, _)| !done.busy.contains(message));
        self.acknowledge(finished.map(|(_, entry)| entry).collect()).await;
        Ok(done.messages.len())
    }

    /// Handles one message; if it cannot be, that is counted.
    async fn alone(&self, message: i64, entry: String) -> Result<usize> {
        match self.named(vec![message], vec![(message, entry.clone())]).await {
            Err(error) if !error.is_unavailable() => {
                self.pipeline.count_failure(message, &error).await?;
                self.acknowledge(vec![entry]).await;
                Ok(0)
            }
            result => result,
        }
    }

    async fn each_alone(&self, entries: &[Entry], shutdown: &CancellationToken) {
        for entry in entries {
            let Ok(message) = entry.message else { continue };
            let mut wait = FIRST_PAUSE;
            while !shutdown.is_cancelled() && self.alone(message, entry.id.clone()).await.is_err() {
                pause(wait, shutdown).await;
                wait = (wait * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// As [`Worker::each_alone`], without a stream.
    async fn one_by_one(&self, shutdown: &CancellationToken) {
        const SQL: &str = sql!("SELECT id FROM outbox WHERE available_at <= now() ORDER BY id LIMIT $1");
        let due =
            sqlx::query_scalar::<_, i64>(SQL).bind(BATCH as i64).fetch_all(self.pipeline.0.database.reads()).await;
        for message in due.unwrap_or_default() {
            if shutdown.is_cancelled() {
                return;
            }
            if let Err(error) = self.batch(Due::Named([message].into())).await
                && (error.is_unavailable() || self.pipeline.count_failure(message, &error).await.is_err())
            {
                return pause(LONGEST_PAUSE, shutdown).await;
            }
        }
    }

    async fn batch(&self, due: Due) -> Result<Done> {
        let Pipeline(inner) = &self.pipeline;
        let (begun, began) = (Instant::now(), SystemTime::now());
        let done = batch::run(&inner.database, due, inner.reservation, inner.failpoints.clone()).await?;
        if !done.messages.is_empty() {
            inner.metrics.batches.observe(done.messages.len() as f64);
            inner.metrics.batch_seconds.observe(begun.elapsed().as_secs_f64());
            inner.metrics.buried.inc_by(done.buried as u64);
        }
        let now = Utc::now();
        for decided in &done.orders {
            inner.metrics.decided(decided.outcome, 1);
            let waited = (now - decided.written).to_std().unwrap_or_default();
            inner.metrics.waited.observe(waited.as_secs_f64());
            trace::tell(decided, began, done.messages.len());
        }
        let orders: Vec<i64> = done.orders.iter().map(|decided| decided.order).collect();
        self.pipeline.announce(&orders);
        Ok(done)
    }

    /// Failing does no harm: the entries are delivered again, and found done.
    async fn acknowledge(&self, entries: Vec<String>) {
        let Some(stream) = &self.pipeline.0.stream else { return };
        if let Err(error) = stream.acknowledge(&entries).await {
            tracing::debug!(%error, "entries are not acknowledged");
        }
        if let Err(error) = self.pipeline.0.failpoints.hit(Failpoint::BatchAcknowledged) {
            tracing::debug!(%error, "after acknowledging");
        }
    }
}

async fn pause(time: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = sleep(jittered(time)) => {}
        () = shutdown.cancelled() => {}
    }
}
