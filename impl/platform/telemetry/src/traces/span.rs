//! A span as it is exported.

use std::time::SystemTime;

use tokio::sync::oneshot;

use super::context::TraceContext;

/// A message to the exporter.
pub(super) enum Told {
    Span(Span),
    /// Notified when all spans before it have been sent.
    Flush(oneshot::Sender<()>),
}

/// The kind of a span, by OpenTelemetry's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work within a service.
    Internal = 1,
    /// The response to a request.
    Server = 2,
    /// The processing of a message.
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A string.
    Text(String),
    /// An integer.
    Number(i64),
}

/// A finished span.
#[derive(Debug, Clone)]
pub struct Span {
    /// The `service.name`.
    pub service: String,
    /// The name of the operation.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Whether it failed because of the service.
    pub failed: bool,
    /// The start.
    pub began: SystemTime,
    /// The end.
    pub ended: SystemTime,
    /// Attributes, by OpenTelemetry's names where it has one.
    pub attributes: Vec<(&'static str, Attribute)>,
    pub(super) context: TraceContext,
    pub(super) parent: Option<u64>,
}
