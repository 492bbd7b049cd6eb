//! Traces: where a request spent its time, exported to an OpenTelemetry collector; disabled, and at no cost, unless a collector
//! is configured.
//!
//! A trace continues the `traceparent` of a request (W3C Trace Context), or begins here. Work that is handed on carries it: a row
//! of the outbox stores it, and the worker continues the trace.

mod context;
mod export;
mod span;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use platform_settings::{InvalidSettings, TraceSettings};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::export::Collector;
use self::span::Told;

pub use self::context::TraceContext;
pub use self::span::{Attribute, Kind, Span};

/// Spans that wait to be exported; further ones are dropped.
const MAX_QUEUED_SPANS: usize = 8_192;
/// How long a shutdown waits for the export of remaining spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

struct Exporter {
    spans: mpsc::Sender<Told>,
    /// The sampled share of traces that begin here.
    ratio: f64,
}

/// Starts exporting traces if a collector is configured. Later calls do nothing.
///
/// # Errors
/// When the collector's address is invalid.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn start(settings: &TraceSettings) -> Result<(), InvalidSettings> {
    let Some(collector) = Collector::new(settings)? else { return Ok(()) };
    EXPORTER.get_or_init(|| {
        let (spans, waiting) = mpsc::channel(MAX_QUEUED_SPANS);
        tokio::spawn(export::run(collector, waiting));
        Exporter { spans, ratio: settings.ratio() }
    });
    Ok(())
}

/// Waits for the export of remaining spans, for a limited time.
pub async fn flush() {
    let Some(exporter) = EXPORTER.get() else { return };
    let (sent, everything) = oneshot::channel();
    let flushed = async {
        exporter.spans.send(Told::Flush(sent)).await.ok()?;
        everything.await.ok()
    };
    let _ = timeout(FLUSH_TIMEOUT, flushed).await;
}

/// The server span of a request in progress.
#[derive(Debug)]
pub struct Open {
    context: TraceContext,
    parent: Option<u64>,
    began: SystemTime,
}

impl Open {
    /// Continues the trace of a request, or begins one; `None` when traces are not exported.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let exporter = EXPORTER.get()?;
        let began = SystemTime::now();
        Some(match TraceContext::of(headers) {
            Some(given) => Self { context: given.child(), parent: Some(given.span()), began },
            None => Self { context: TraceContext::new(rand::random::<f64>() < exporter.ratio), parent: None, began },
        })
    }

    /// Its position in the trace.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Ends the span and exports it if its trace is sampled.
    pub fn end(self, describe: impl FnOnce() -> (String, String, bool, Vec<(&'static str, Attribute)>)) {
        if !self.context.is_sampled() {
            return;
        }
        let (service, name, failed, attributes) = describe();
        let Self { context, parent, began } = self;
        let ended = SystemTime::now();
        tell(Span { service, name, kind: Kind::Server, failed, began, ended, attributes, context, parent });
    }
}

/// A span of work that `parent` caused, to be completed and exported; `None` when traces are not exported or this one is not
/// sampled.
pub fn because_of(parent: TraceContext, began: SystemTime) -> Option<Span> {
    EXPORTER.get()?;
    parent.is_sampled().then(|| Span {
        service: String::new(),
        name: String::new(),
        kind: Kind::Internal,
        failed: false,
        began,
        ended: SystemTime::now(),
        attributes: Vec::new(),
        context: parent.child(),
        parent: Some(parent.span()),
    })
}

/// Queues a span for export. It is dropped when the queue is full: exporting must not delay requests.
pub fn tell(span: Span) {
    if let Some(exporter) = EXPORTER.get() {
        let _ = exporter.spans.try_send(Told::Span(span));
    }
}
