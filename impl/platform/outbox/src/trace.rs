//! What the trace of the request that wrote a message learns of it: how long it waited, and how long it took.

use std::time::SystemTime;

use platform::traces::{self, Attribute, Kind};

use crate::message::Message;

/// Exports spans of a message that was handled in a batch of `size` that began then, by a process of this `service.name`.
pub(crate) fn export(message: &Message, subject: &'static str, service: &str, began: SystemTime, size: usize) {
    let (Some(parent), Some(outcome)) = (message.trace, message.outcome) else { return };
    if let Some(mut wait) = traces::because_of(parent, message.written.into()) {
        wait.service = service.to_owned();
        wait.name = format!("{} wait", message.topic);
        wait.ended = began;
        traces::tell(wait);
    }
    if let Some(mut work) = traces::because_of(parent, began) {
        work.service = service.to_owned();
        work.name = format!("{} process", message.topic);
        work.kind = Kind::Consumer;
        work.attributes = vec![
            (subject, Attribute::Number(message.subject.unwrap_or_default())),
            ("messaging.outcome", Attribute::Text(outcome.to_owned())),
            ("messaging.batch.message_count", Attribute::Number(i64::try_from(size).unwrap_or(i64::MAX))),
        ];
        traces::tell(work);
    }
}
