//! What a process does with messages, wherever it has them from: hands them to handlers, and tells how it went.

use std::time::{Instant, SystemTime};

use platform::Result;
use platform::traces::TraceContext;

use crate::batch::{self, Done, Due};
use crate::failpoints::Failpoint;
use crate::handler::Handlers;
use crate::message::Message;
use crate::outbox::Outbox;
use crate::trace;

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
