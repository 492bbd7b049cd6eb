//! What becomes of a message whose handling failed: tried again later, counted in the database, and in the end a dead letter.

use std::time::Duration;

use platform::traces::TraceContext;
use platform::{Columns, Error, Result, jittered, sql};

use super::Pipeline;
use super::batch::PROCESSING_FAILED;
use super::failpoints::Failpoint;

/// So often a message is tried.
const ATTEMPTS: i32 = 6;
/// The pause after the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Characters kept of an entry that is none of ours: it can be megabytes, and lists show many.
const KEPT: i32 = 10_000;

impl Pipeline {
    /// Counts a failure of a message; its next attempt is after a pause, or never.
    ///
    /// # Errors
    /// Those of the database; the message then stays with whoever has it.
    pub(crate) async fn count_failure(&self, message: i64, failure: &Error) -> Result<()> {
        const SQL: &str = sql!(
            "UPDATE outbox SET attempts = attempts + 1, published_at = NULL,
                 available_at = now() + make_interval(secs => least($2 * 2 ^ least(attempts, 20), $3) * $4)
             WHERE id = $1 RETURNING attempts, trace"
        );
        // Half of the pause to the whole of it.
        let jitter = jittered(Duration::from_secs(1)).as_secs_f64();
        let row = self
            .0
            .database
            .write_once(move |mut tx| async move {
                let query = sqlx::query(SQL).bind(message).bind(FIRST_PAUSE.as_secs_f64());
                Ok(query.bind(LONGEST_PAUSE.as_secs_f64()).bind(jitter).fetch_optional(&mut *tx).await?)
            })
            .await?;
        self.0.failpoints.hit(Failpoint::FailureCounted)?;
        self.0.metrics.failures.inc();
        let mut columns = row.as_ref().map(Columns::of);
        let attempts: Option<i32> = columns.as_mut().map(|columns| columns.get("attempts")).transpose()?;
        let trace = columns.as_mut().map(|columns| columns.get::<Option<&str>>("trace")).transpose()?;
        let trace_id = trace_id(trace.flatten());
        tracing::warn!(message, attempts, failure = reason(failure), trace_id, "a message could not be handled");
        match attempts {
            Some(attempts) if attempts >= ATTEMPTS => self.bury(message, &reason(failure)).await,
            _ => Ok(()),
        }
    }

    /// Makes a message a dead letter, and its order a failed one.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn bury(&self, message: i64, reason: &str) -> Result<()> {
        // Locked in the order everybody uses: the message, then its order.
        const SQL: &str = sql!(
            "WITH m AS (
                 DELETE FROM outbox WHERE id = $1 RETURNING order_id, topic, payload, attempts, trace
             ), o AS (
                 UPDATE orders SET status = 'FAILED', reason = $3, updated_at = clock_timestamp()
                 FROM m WHERE orders.id = m.order_id AND orders.status = 'PENDING' RETURNING orders.id
             ), told AS (
                 INSERT INTO order_events (order_id, kind, status, reason) SELECT id, 'failed', 'FAILED', $3 FROM o
             ), buried AS (
                 INSERT INTO dead_letters (order_id, topic, payload, reason, attempts)
                 SELECT order_id, topic, payload, $2, attempts FROM m RETURNING id
             ) SELECT (SELECT count(*) FROM buried) AS buried, (SELECT id FROM o) AS order_id, (SELECT trace FROM m) AS trace"
        );
        let text = reason.to_owned();
        let row = self
            .0
            .database
            .write_once(move |mut tx| async move {
                let query = sqlx::query(SQL).bind(message).bind(text).bind(PROCESSING_FAILED);
                Ok(query.fetch_one(&mut *tx).await?)
            })
            .await?;
        let mut columns = Columns::of(&row);
        let (buried, order): (i64, Option<i64>) = (columns.get("buried")?, columns.get("order_id")?);
        let trace_id = trace_id(columns.get("trace")?);
        self.0.failpoints.hit(Failpoint::MessageBuried)?;
        self.0.metrics.buried.inc_by(u64::try_from(buried).unwrap_or(0));
        if let Some(order) = order {
            self.announce(&[order]);
            self.0.metrics.decided(PROCESSING_FAILED, 1);
        }
        tracing::error!(message, order, reason, trace_id, "a message became a dead letter");
        Ok(())
    }

    /// Keeps an entry of the stream that is none of ours as a dead letter, or the beginning of it.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn bury_entry(&self, entry: &str, payload: &str) -> Result<()> {
        const SQL: &str = sql!(
            "INSERT INTO dead_letters (topic, payload, reason, stream_entry)
             VALUES ('unknown', left($2, $3), 'the entry of the stream cannot be parsed', $1)
             ON CONFLICT ON CONSTRAINT dead_letters_stream_entry_key DO NOTHING"
        );
        let (id, text) = (entry.to_owned(), payload.to_owned());
        let new = self
            .0
            .database
            .write_once(move |mut tx| async move {
                Ok(sqlx::query(SQL).bind(id).bind(text).bind(KEPT).execute(&mut *tx).await?.rows_affected())
            })
            .await?;
        self.0.failpoints.hit(Failpoint::EntryBuried)?;
        self.0.metrics.buried.inc_by(new);
        tracing::error!(entry, "an entry of the stream became a dead letter");
        Ok(())
    }
}

/// The trace of the request that has left a message, as the log of that request has it.
fn trace_id(trace: Option<&str>) -> Option<String> {
    trace.and_then(TraceContext::parse).map(TraceContext::trace_id)
}

/// A failure in words for operators; never sent to customers.
fn reason(failure: &Error) -> String {
    use std::error::Error as _;
    match failure {
        Error::Problem(problem) => problem.cause().map_or_else(|| problem.code().to_owned(), ToString::to_string),
        Error::Database(error) | Error::OutcomeUnknown(error) => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
