//! What a collector is told of something that was done.

use std::time::SystemTime;

use tokio::sync::oneshot;

use super::context::TraceContext;

/// What the exporter is sent.
pub(super) enum Told {
    Span(Span),
    /// Rung when everything before it was sent.
    Flush(oneshot::Sender<()>),
}

/// What a span is to its neighbours, by OpenTelemetry's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Within a service.
    Internal = 1,
    /// The answer to a request.
    Server = 2,
    /// What was done with a message.
    Consumer = 5,
}

/// What is told of a span beside its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A word.
    Text(String),
    /// A number.
    Number(i64),
}

/// Something that was done.
#[derive(Debug, Clone)]
pub struct Span {
    /// Who did it, as the `service.name`.
    pub service: String,
    /// What.
    pub name: String,
    /// For whom.
    pub kind: Kind,
    /// Whether it was a failure of ours.
    pub failed: bool,
    /// From when.
    pub began: SystemTime,
    /// Until when.
    pub ended: SystemTime,
    /// What else is known, by OpenTelemetry's names where it has one.
    pub attributes: Vec<(&'static str, Attribute)>,
    pub(super) context: TraceContext,
    pub(super) parent: Option<u64>,
}
