//! A worker: takes messages, in batches, from the stream or, without one, from the outbox itself.

use std::time::{Duration, Instant};

use deadpool_redis::redis::RedisError;
use deadpool_redis::redis::aio::MultiplexedConnection;
use platform::Result;
use tokio_util::sync::CancellationToken;

use crate::batch::Due;
use crate::deliveries::{BATCH_SIZE, MAX_BACKOFF, pause};
use crate::failpoints::Failpoint;
use crate::handler::Handlers;
use crate::outbox::Outbox;
use crate::processor::Processor;
use crate::stream::{Entry, Stream, is_missing_group, is_server_error};

/// How long a read waits for the first message; also the maximum delay of a shutdown.
const READ_TIMEOUT: Duration = Duration::from_millis(500);
/// Entries that are not acknowledged after this long are reclaimed: their worker is dead or stuck.
const RECLAIM_AFTER: Duration = Duration::from_secs(4);
/// How often such entries are looked for.
const RECLAIM_INTERVAL: Duration = Duration::from_secs(1);
/// How often the outbox is polled while there is no stream, and Redis is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often messages are looked for that are due and in no stream: one can be read while nothing can be appended to it (`maxmemory`).
const OVERDUE_INTERVAL: Duration = Duration::from_secs(1);
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// A consumer of messages.
pub struct Worker {
    processor: Processor,
    name: String,
    connection: Option<MultiplexedConnection>,
    /// When one last looked for a stream, or for abandoned entries in it.
    last_checked: Option<Instant>,
    /// When it last took messages that nobody publishes.
    last_overdue: Instant,
    /// Whether the stream cannot be used, which is logged once.
    stream_unavailable: bool,
}

impl Worker {
    /// A worker of a name that no other has.
    pub fn new(outbox: Outbox, handlers: Handlers) -> Self {
        let name = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Self {
            processor: Processor { outbox, handlers },
            name,
            connection: None,
            last_checked: None,
            last_overdue: Instant::now(),
            stream_unavailable: false,
        }
    }

    /// One round of everything a worker does, without waiting for anything: publishes what is due, takes over what is
    /// abandoned for at least `abandoned`, handles what there is. How many messages were done.
    ///
    /// # Errors
    /// When Postgres cannot be used; Redis need not be there.
    pub async fn step(&mut self, abandoned: Duration) -> Result<usize> {
        let _ = self.processor.outbox.publish().await;
        let mut done = 0;
        if let Some(entries) = self.reclaim(abandoned).await {
            done += self.processor.handle(entries).await?;
        }
        done += match self.receive(None).await {
            Some(entries) => self.processor.handle(entries).await?,
            None => self.processor.batch(Due::Any(BATCH_SIZE as i64)).await?.messages.len(),
        };
        Ok(done + self.processor.batch(Due::Overdue(BATCH_SIZE as i64)).await?.messages.len())
    }

    /// Works until it is told to stop; what was begun is finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let last_checked = self.last_checked;
            if last_checked.is_none_or(|last_checked| last_checked.elapsed() > RECLAIM_INTERVAL)
                && let Some(entries) = self.reclaim(RECLAIM_AFTER).await
            {
                self.processor.handle_until_done(entries, &shutdown).await;
            }
            match self.receive(Some(READ_TIMEOUT)).await {
                Some(entries) => {
                    self.processor.handle_until_done(entries, &shutdown).await;
                    if self.last_overdue.elapsed() > OVERDUE_INTERVAL {
                        self.last_overdue = Instant::now();
                        self.poll(Due::Overdue(BATCH_SIZE as i64), Duration::ZERO, &shutdown).await;
                    }
                }
                None => self.poll(Due::Any(BATCH_SIZE as i64), POLL_INTERVAL, &shutdown).await,
            }
        }
    }

    /// Handles messages from the outbox itself; a pause where there are none.
    async fn poll(&self, due: Due, without_any: Duration, shutdown: &CancellationToken) {
        match self.processor.batch(due).await {
            Ok(done) if !done.messages.is_empty() => {}
            Ok(_) => pause(without_any, shutdown).await,
            Err(error) if error.is_unavailable() => pause(MAX_BACKOFF, shutdown).await,
            // One of them fails: each alone, and that one is counted. Or all of it does: then there is no hurry.
            Err(_) => {
                self.processor.process_due_each(shutdown).await;
                pause(POLL_INTERVAL, shutdown).await;
            }
        }
    }

    /// Entries nobody has, or nothing at all when there is no stream to read from.
    async fn receive(&mut self, block: Option<Duration>) -> Option<Vec<Entry>> {
        let stream = self.processor.outbox.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        let read = stream.read(&mut connection, &self.name, BATCH_SIZE, block).await;
        let entries = self.settle(&stream, connection, read).await?;
        // What was delivered and is lost here is taken over later.
        self.processor.outbox.0.failpoints.hit(Failpoint::WORKER_RECEIVED).ok()?;
        Some(entries)
    }

    async fn reclaim(&mut self, abandoned: Duration) -> Option<Vec<Entry>> {
        let stream = self.processor.outbox.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        self.last_checked = Some(Instant::now());
        let claimed = stream.claim(&mut connection, &self.name, BATCH_SIZE, abandoned).await;
        let entries = self.settle(&stream, connection, claimed).await?;
        if !entries.is_empty() {
            tracing::info!(entries = entries.len(), "pending entries reclaimed");
            self.processor.outbox.0.failpoints.hit(Failpoint::WORKER_CLAIMED).ok()?;
        }
        Some(entries)
    }

    async fn connect(&mut self, stream: &Stream) -> Option<MultiplexedConnection> {
        if let Some(connection) = self.connection.take() {
            return Some(connection);
        }
        if self.last_checked.is_some_and(|last_checked| last_checked.elapsed() < RECONNECT_DELAY) {
            return None;
        }
        self.last_checked = Some(Instant::now());
        match stream.connect(READ_TIMEOUT).await {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.stream_failed(&error);
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
                if std::mem::take(&mut self.stream_unavailable) {
                    tracing::info!("stream available again");
                }
                Some(result)
            }
            Err(error) if is_missing_group(&error) => match stream.ensure_group(&mut connection).await {
                Ok(_) => {
                    self.processor.outbox.0.failpoints.hit(Failpoint::GROUP_CREATED).ok()?;
                    self.connection = Some(connection);
                    Some(T::default())
                }
                Err(_) => None,
            },
            Err(error) => {
                self.stream_failed(&error);
                if is_server_error(&error) {
                    self.connection = Some(connection);
                }
                None
            }
        }
    }

    fn stream_failed(&mut self, error: &RedisError) {
        if !std::mem::replace(&mut self.stream_unavailable, true) {
            tracing::warn!(%error, "stream unavailable, polling the outbox");
        }
    }
}
