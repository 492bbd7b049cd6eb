//! What becomes of a message whose handling failed: tried again later, counted in the database, and in the end a dead letter.

use std::time::Duration;

use platform::traces::TraceContext;
use platform::{Columns, Error, Result, jittered, sql};

use crate::failpoints::Failpoint;
use crate::processor::Processor;

/// So often a message is tried.
const ATTEMPTS: i32 = 6;
/// The pause after the first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Characters kept of an entry that is none of ours: it can be megabytes, and lists show many.
const KEPT: i32 = 10_000;

impl Processor {
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
            .outbox
            .0
            .database
            .write_once(move |mut tx| async move {
                let query = sqlx::query(SQL).bind(message).bind(FIRST_PAUSE.as_secs_f64());
                Ok(query.bind(LONGEST_PAUSE.as_secs_f64()).bind(jitter).fetch_optional(&mut *tx).await?)
            })
            .await?;
        self.outbox.0.failpoints.hit(Failpoint::FAILURE_COUNTED)?;
        self.outbox.0.metrics.failures.inc();
        let mut columns = row.as_ref().map(Columns::of);
        let attempts: Option<i32> = columns.as_mut().map(|columns| columns.get("attempts")).transpose()?;
        let trace = columns.as_mut().map(|columns| columns.get::<Option<&str>>("trace")).transpose()?.flatten();
        // As the log of the request that wrote the message has it.
        let trace_id = trace.and_then(TraceContext::parse).map(TraceContext::trace_id);
        tracing::warn!(message, attempts, reason = reason(failure), trace_id, "message handling failed");
        match attempts {
            Some(attempts) if attempts >= ATTEMPTS => self.give_up(message, &reason(failure)).await,
            _ => Ok(()),
        }
    }

    /// Keeps an entry of the stream that is none of ours as a dead letter, or the beginning of it.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn dead_letter_entry(&self, entry: &str, payload: &str) -> Result<()> {
        const SQL: &str = sql!(
            "INSERT INTO dead_letters (topic, payload, reason, stream_entry)
             VALUES ('unknown', left($2, $3), 'the entry of the stream cannot be parsed', $1)
             ON CONFLICT ON CONSTRAINT dead_letters_stream_entry_key DO NOTHING"
        );
        let (id, text) = (entry.to_owned(), payload.to_owned());
        let new = self
            .outbox
            .0
            .database
            .write_once(move |mut tx| async move {
                Ok(sqlx::query(SQL).bind(id).bind(text).bind(KEPT).execute(&mut *tx).await?.rows_affected())
            })
            .await?;
        self.outbox.0.failpoints.hit(Failpoint::ENTRY_DEAD_LETTERED)?;
        self.outbox.0.metrics.dead_lettered.inc_by(new);
        tracing::error!(entry, "stream entry dead-lettered");
        Ok(())
    }
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
