//! A worker: takes messages, in batches, from the stream or, without one, from the outbox itself.

use std::time::{Duration, Instant};

use deadpool_redis::redis::RedisError;
use deadpool_redis::redis::aio::MultiplexedConnection;
use platform::Result;
use tokio_util::sync::CancellationToken;

use crate::batch::Due;
use crate::deliveries::{BATCH, LONGEST_PAUSE, pause};
use crate::failpoints::Failpoint;
use crate::handler::Handlers;
use crate::outbox::Outbox;
use crate::processor::Processor;
use crate::stream::{Entry, Stream, answered, no_group};

/// How long a read waits for the first message; also how late an order to stop may be noticed.
const BLOCK: Duration = Duration::from_millis(500);
/// Entries that are not acknowledged after this long are taken over: their worker is dead, or as good as.
const ABANDONED: Duration = Duration::from_secs(4);
/// How often one looks for such entries.
const RECLAIM: Duration = Duration::from_secs(1);
/// How often the outbox is asked while there is no stream, and how often a stream is looked for.
const POLL: Duration = Duration::from_millis(200);
const RECONNECT: Duration = Duration::from_secs(1);

/// A consumer of messages.
pub struct Worker {
    processor: Processor,
    name: String,
    connection: Option<MultiplexedConnection>,
    /// When one last looked for a stream, or for abandoned entries in it.
    looked: Option<Instant>,
    /// It was told already that the stream cannot be used.
    without: bool,
}

impl Worker {
    /// A worker of a name that no other has.
    pub fn new(outbox: Outbox, handlers: Handlers) -> Self {
        let name = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Self { processor: Processor { outbox, handlers }, name, connection: None, looked: None, without: false }
    }

    /// One round of everything a worker does, without waiting for anything: publishes what is due, takes over what is
    /// abandoned for at least `abandoned`, handles what there is. How many messages were done.
    ///
    /// # Errors
    /// When Postgres cannot be used; Redis need not be there.
    pub async fn step(&mut self, abandoned: Duration) -> Result<usize> {
        let _ = self.processor.outbox.publish().await;
        let mut done = 0;
        if let Some(entries) = self.take_over(abandoned).await {
            done += self.processor.handle(entries).await?;
        }
        done += match self.receive(None).await {
            Some(entries) => self.processor.handle(entries).await?,
            None => self.processor.batch(Due::Any(BATCH as i64)).await?.messages.len(),
        };
        Ok(done)
    }

    /// Works until it is told to stop; what was begun is finished.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let looked = self.looked;
            if looked.is_none_or(|looked| looked.elapsed() > RECLAIM)
                && let Some(entries) = self.take_over(ABANDONED).await
            {
                self.processor.handle_until_done(entries, &shutdown).await;
            }
            match self.receive(Some(BLOCK)).await {
                Some(entries) => self.processor.handle_until_done(entries, &shutdown).await,
                None => match self.processor.batch(Due::Any(BATCH as i64)).await {
                    Ok(done) if !done.messages.is_empty() => {}
                    Ok(_) => pause(POLL, &shutdown).await,
                    Err(error) if error.is_unavailable() => pause(LONGEST_PAUSE, &shutdown).await,
                    // One of them fails: each alone, and that one is counted. Or all of it does: then there is no hurry.
                    Err(_) => {
                        self.processor.one_by_one(&shutdown).await;
                        pause(POLL, &shutdown).await;
                    }
                },
            }
        }
    }

    /// Entries nobody has, or nothing at all when there is no stream to read from.
    async fn receive(&mut self, block: Option<Duration>) -> Option<Vec<Entry>> {
        let stream = self.processor.outbox.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        let read = stream.read(&mut connection, &self.name, BATCH, block).await;
        let entries = self.settle(&stream, connection, read).await?;
        // What was delivered and is lost here is taken over later.
        self.processor.outbox.0.failpoints.hit(Failpoint::WORKER_RECEIVED).ok()?;
        Some(entries)
    }

    async fn take_over(&mut self, abandoned: Duration) -> Option<Vec<Entry>> {
        let stream = self.processor.outbox.0.stream.clone()?;
        let mut connection = self.connect(&stream).await?;
        self.looked = Some(Instant::now());
        let claimed = stream.claim(&mut connection, &self.name, BATCH, abandoned).await;
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
                    tracing::info!("stream available again");
                }
                Some(result)
            }
            Err(error) if no_group(&error) => match stream.ensure_group(&mut connection).await {
                Ok(_) => {
                    self.processor.outbox.0.failpoints.hit(Failpoint::GROUP_CREATED).ok()?;
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
            tracing::warn!(%error, "stream unavailable, polling the outbox");
        }
    }
}
