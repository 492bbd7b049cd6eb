//! What a process does with messages, wherever it has them from: hands them to handlers, and sees to it that what fails is tried again
//! later, counted in the database, and in the end a dead letter.

use std::time::{Duration, Instant, SystemTime};

use platform::traces::TraceContext;
use platform::{Columns, Error, Result, Transaction, jittered, sql};

use crate::batch::{self, Done, Due};
use crate::failpoints::Failpoint;
use crate::handler::Handlers;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::trace;

/// So often a message is tried.
const MAX_ATTEMPTS: i32 = 6;
/// The pause after the first failure; doubled with each further one.
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Characters kept of an entry that is none of ours: it can be megabytes, and lists show many.
const MAX_ENTRY_CHARS: i32 = 10_000;

/// An outbox and who handles its messages.
#[derive(Clone)]
pub(crate) struct Processor {
    pub(crate) outbox: Outbox,
    pub(crate) handlers: Handlers,
}

impl Processor {
    /// Does a batch.
    ///
    /// # Errors
    /// Those of the database and of handlers; nothing is done then.
    pub(crate) async fn batch(&self, due: Due) -> Result<Done> {
        let (begun, began) = (Instant::now(), SystemTime::now());
        let done = batch::run(&self.outbox, &self.handlers, due).await?;
        if !done.messages.is_empty() {
            let metrics = &self.outbox.0.metrics;
            metrics.batches.observe(done.messages.len() as f64);
            metrics.batch_seconds.observe(begun.elapsed().as_secs_f64());
        }
        self.committed(&done.messages, began);
        Ok(done)
    }

    /// Makes a message a dead letter; its handler compensates for it.
    ///
    /// # Errors
    /// Those of the database and of its handler.
    pub(crate) async fn give_up(&self, message: i64, reason: &str) -> Result<()> {
        let began = SystemTime::now();
        let messages = batch::give_up(&self.outbox, &self.handlers, message, reason).await?;
        self.outbox.0.failpoints.hit(Failpoint::MESSAGE_DEAD_LETTERED)?;
        self.committed(&messages, began);
        Ok(())
    }

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
        let count = move |mut tx: Transaction| async move {
            let query = sqlx::query(SQL).bind(message).bind(INITIAL_BACKOFF.as_secs_f64());
            Ok(query.bind(MAX_BACKOFF.as_secs_f64()).bind(jitter).fetch_optional(&mut *tx).await?)
        };
        let row = self.outbox.0.database.write_once(count).await?;
        self.outbox.0.failpoints.hit(Failpoint::FAILURE_COUNTED)?;
        self.outbox.0.metrics.failures.inc();
        // It may be done by now, by another worker.
        let Some(row) = row else { return Ok(()) };
        let mut columns = Columns::of(&row);
        let attempts: i32 = columns.get("attempts")?;
        // As the log of the request that wrote the message has it.
        let trace_id = columns.get::<Option<&str>>("trace")?.and_then(TraceContext::parse).map(TraceContext::trace_id);
        tracing::warn!(message, attempts, reason = reason(failure), trace_id, "message handling failed");
        match attempts {
            MAX_ATTEMPTS.. => self.give_up(message, &reason(failure)).await,
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
        let insert = move |mut tx: Transaction| async move {
            Ok(sqlx::query(SQL).bind(id).bind(text).bind(MAX_ENTRY_CHARS).execute(&mut *tx).await?.rows_affected())
        };
        let new = self.outbox.0.database.write_once(insert).await?;
        self.outbox.0.failpoints.hit(Failpoint::ENTRY_DEAD_LETTERED)?;
        self.outbox.0.metrics.dead_lettered.inc_by(new);
        tracing::error!(entry, "stream entry dead-lettered");
        Ok(())
    }

    fn committed(&self, messages: &[Message], began: SystemTime) {
        for message in messages.iter().filter(|message| message.rejected().is_some()) {
            self.outbox.0.metrics.dead_lettered.inc();
            let Message { id, topic, subject, .. } = message;
            let trace_id = message.trace.map(TraceContext::trace_id);
            let reason = message.rejected();
            tracing::error!(message = id, topic, subject, reason, trace_id, "message dead-lettered");
        }
        for messages in messages.chunk_by(|one, other| one.topic == other.topic) {
            let Some(handler) = self.handlers.of(&messages[0].topic) else { continue };
            for message in messages {
                trace::export(message, handler.subject(), self.handlers.service, began, messages.len());
            }
            handler.committed(messages);
        }
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
