//! Postgres, the source of truth: one way to read and one way to write.
//!
//! Reads are single statements outside transactions on connections that cannot write. A write runs from BEGIN to
//! COMMIT in a task of its own, which the request only awaits: a client that disconnects or a deadline that passes
//! cancels the request, never the transaction. (A cancelled `begin` once returned a connection inside an open
//! transaction to the pool, and later writes on it were acknowledged and lost.)

mod transaction;

use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::Problem;
use platform_admission::Sender;
use platform_settings::{DatabaseSettings, InvalidSettings};
use platform_telemetry::notices;
use sqlx::Connection;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use self::transaction::{run, transaction};
use crate::error::{Error, Result};
use crate::reads::{READS, Reads};
use crate::replicas::Replicas;
use crate::sql;
use platform_connections::Cache;
use platform_connections::pool::{AfterCancel, Connections, PoolState, Watch};
use platform_connections::{Servers, Wanted};

pub use self::transaction::Transaction;

/// The limits of a session that writes.
const WRITES: &str =
    "SET statement_timeout = '4s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '5s'";
/// The timeout from BEGIN to COMMIT, retries included; then the connection is closed and the server rolls back.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(9);
/// The timeout of closing; longer than a transaction may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Postgres. Clones share the connections.
#[derive(Clone)]
pub struct Database {
    reads: Reads,
    /// The same without replicas.
    latest: Reads,
    writes: Connections,
    transactions: TaskTracker,
}

impl Database {
    /// Creates both pools; connections are opened on demand, so that a service starts while Postgres is unavailable. `role`
    /// becomes part of `application_name` and is visible in `pg_stat_activity`.
    ///
    /// # Errors
    /// When the settings hold no valid connection URL.
    pub fn new(settings: &DatabaseSettings, role: &str) -> Result<Self, InvalidSettings> {
        let reads = Servers::with_session(settings, format!("{role}-reads"), Wanted::Any, READS)?;
        let writes = Servers::with_session(settings, format!("{role}-writes"), Wanted::Writable, WRITES)?;
        let primary = Connections::new(
            "database_reads",
            reads,
            settings.database_read_pool_size,
            settings.wait(),
            AfterCancel::Recover,
        );
        let reads = Reads { primary, replicas: None };
        Ok(Self {
            latest: reads.clone(),
            reads,
            writes: Connections::new(
                "database_writes",
                writes,
                settings.database_write_pool_size,
                settings.wait(),
                AfterCancel::Close,
            ),
            transactions: TaskTracker::new(),
        })
    }

    /// The same, with the replicas of the settings; `cache` is where the writes of clients are remembered, so that they read them. Must be
    /// called inside a Tokio runtime.
    ///
    /// # Errors
    /// When the settings hold no valid connection URL.
    pub fn with_replicas(
        mut self,
        settings: &DatabaseSettings,
        role: &str,
        cache: Option<Cache>,
    ) -> Result<Self, InvalidSettings> {
        self.reads.replicas = Replicas::start(settings, role, READS, cache)?;
        Ok(self)
    }

    /// The executor of single reading statements: `sqlx::query(..).fetch_one(db.reads())`. From a replica where the document of the
    /// current request's operation allows it (`x-read`), else from the primary.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The same from the primary in any case: for what decides who may do what.
    pub fn latest_reads(&self) -> &Reads {
        &self.latest
    }

    /// Runs `work` in a transaction and commits it if it succeeds.
    ///
    /// ```ignore
    /// let project = db.write(move |mut tx| async move { insert_project(&mut tx, owner, &body).await }).await?;
    /// ```
    /// `work` is cloned and retried, at most three times, after a deadlock or a serialization failure, so it must have no
    /// effects outside the database.
    ///
    /// # Errors
    /// The error of `work`; then nothing was written. 500 when it panicked. [`Error::OutcomeUnknown`] when the connection was
    /// lost after COMMIT was sent and before its response.
    pub async fn write<T, F, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        // Waiting for a connection may be cancelled safely, so it stays outside of the task.
        let lease = self.writes.lease().await?;
        let (watch, committing) = (lease.watch(), Arc::new(AtomicBool::new(false)));
        let work = transaction(lease, Arc::clone(&committing), work);
        let written = self.detached(watch, TRANSACTION_TIMEOUT, work, committing).await;
        self.remember(written).await
    }

    /// Runs `work`, which only reads, in a transaction all of whose statements see one instant. It holds one of the few connections that
    /// write for at most `limit`: for what is done seldom, and by one at a time.
    ///
    /// # Errors
    /// The error of `work`; 503 `database_busy` when it takes longer.
    pub async fn snapshot<T, F, W>(&self, limit: Duration, work: W) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Clone + Send + 'static,
    {
        const SNAPSHOT: &str = sql!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        let lease = self.writes.lease().await?;
        let (watch, committing) = (lease.watch(), Arc::new(AtomicBool::new(false)));
        let read = move |mut tx: Transaction| async move {
            sqlx::query(SNAPSHOT).execute(&mut *tx).await?;
            work(tx).await
        };
        let work = transaction(lease, Arc::clone(&committing), read);
        self.detached(watch, limit, work, committing).await
    }

    /// Runs `work`, which must be exactly one statement, without BEGIN and COMMIT around it: a third of the round
    /// trips. As uncancellable as [`Database::write`].
    ///
    /// # Errors
    /// As [`Database::write`]; nothing is retried, and the statement is the commit.
    pub async fn write_once<T, F, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        W: FnOnce(Transaction) -> F + Send + 'static,
    {
        let lease = self.writes.lease().await?;
        let watch = lease.watch();
        let once = async move {
            let (done, is_warned) = notices::watched(run(lease, work)).await;
            let (result, mut lease) = done?;
            // Whatever the error was converted to, a ping shows whether the connection is still usable.
            let sound = if result.is_ok() { Ok(()) } else { lease.connection().ping().await };
            lease.settle(&sound);
            if is_warned && result.is_ok() {
                return Err(Error::not_replicated());
            }
            result.map_err(|error| match error {
                Error::Database(error) => {
                    lease.settle_after(&error);
                    Error::while_committing(error)
                }
                other => other,
            })
        };
        let written = self.detached(watch, TRANSACTION_TIMEOUT, once, Arc::new(AtomicBool::new(true))).await;
        self.remember(written).await
    }

    /// Whoever wrote, or may have, reads it from now on.
    async fn remember<T>(&self, written: Result<T>) -> Result<T> {
        if let Some(replicas) = &self.reads.replicas
            && matches!(written, Ok(_) | Err(Error::OutcomeUnknown(_)))
        {
            replicas.wrote(&self.writes).await;
        }
        written
    }

    /// Runs `work` to its end or to its `limit`, also when the request is cancelled; `committing` says whether COMMIT was
    /// sent.
    async fn detached<T: Send + 'static>(
        &self,
        watch: Watch,
        limit: Duration,
        work: impl Future<Output = Result<T>> + Send + 'static,
        committing: Arc<AtomicBool>,
    ) -> Result<T> {
        let work = async move { timeout(limit, watch.over(work)).await };
        let task = self.transactions.spawn(Sender::for_log().scope(work));
        let silent = || sqlx::Error::Io(ErrorKind::TimedOut.into());
        match task.await {
            Ok(Ok(Some(result))) => result,
            Ok(_) if committing.load(Ordering::Relaxed) => Err(Error::OutcomeUnknown(silent())),
            Ok(Ok(None)) => Err(silent().into()),
            Ok(Err(_)) => Err(Problem::unavailable("database_busy", "The transaction took too long.", 1).into()),
            Err(panic) => Err(Error::internal(panic)),
        }
    }

    /// Pings Postgres.
    ///
    /// # Errors
    /// When Postgres is unavailable.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query(sql!("SELECT 1")).execute(self.reads()).await?;
        Ok(())
    }

    /// Waits until Postgres responds.
    ///
    /// # Errors
    /// The last failure, when it does not respond in time.
    pub async fn wait(&self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            match self.ping().await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Waits for running transactions and closes every connection, within ten seconds; nothing can be read or written
    /// afterwards.
    pub async fn close(&self) {
        let orderly = async {
            self.transactions.close();
            self.transactions.wait().await;
            let replicas = self.reads.replicas.iter().flat_map(|replicas| replicas.pools());
            let replicas = futures_util::future::join_all(replicas.map(Connections::close));
            tokio::join!(self.reads.primary.close(), self.writes.close(), replicas);
        };
        if timeout(CLOSE_TIMEOUT, orderly).await.is_err() {
            tracing::warn!(transactions = self.transactions.len(), "transactions still running at shutdown");
        }
    }

    /// The states of the pools `reads` and `writes`.
    pub fn pools(&self) -> [(&'static str, PoolState); 2] {
        [("reads", self.reads.primary.state()), ("writes", self.writes.state())]
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Database").field("pools", &self.pools()).finish_non_exhaustive()
    }
}
