//! Traces: where the time of a request went, told to an OpenTelemetry collector; to nobody, and at no cost, unless one is
//! named.
//!
//! A trace begins with the `traceparent` a request brings (W3C Trace Context), or here. What a request leaves to others
//! carries it: a row of the outbox keeps it, and the worker goes on with it.

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

/// Spans that wait to be sent; beyond them some are not told.
const WAITING: usize = 8_192;
/// At the end, for what still waits.
const FAREWELL: Duration = Duration::from_secs(3);

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

struct Exporter {
    spans: mpsc::Sender<Told>,
    /// Of traces that begin here, the share that is told.
    ratio: f64,
}

/// Begins to tell traces, if the settings name a collector. Later calls change nothing.
///
/// # Errors
/// When the collector's address is not one.
///
/// # Panics
/// Outside of a runtime.
pub fn start(settings: &TraceSettings) -> Result<(), InvalidSettings> {
    let Some(collector) = Collector::new(settings)? else { return Ok(()) };
    EXPORTER.get_or_init(|| {
        let (spans, waiting) = mpsc::channel(WAITING);
        tokio::spawn(export::run(collector, waiting));
        Exporter { spans, ratio: settings.ratio() }
    });
    Ok(())
}

/// Waits, but not long, until everything was told.
pub async fn flush() {
    let Some(exporter) = EXPORTER.get() else { return };
    let (sent, everything) = oneshot::channel();
    let flushed = async {
        exporter.spans.send(Told::Flush(sent)).await.ok()?;
        everything.await.ok()
    };
    let _ = timeout(FAREWELL, flushed).await;
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Open {
    context: TraceContext,
    parent: Option<u64>,
    began: SystemTime,
}

impl Open {
    /// Goes on with the trace of a request, or begins one; nothing when nobody is told.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let exporter = EXPORTER.get()?;
        let began = SystemTime::now();
        Some(match TraceContext::of(headers) {
            Some(given) => Self { context: given.child(), parent: Some(given.span()), began },
            None => Self { context: TraceContext::new(rand::random::<f64>() < exporter.ratio), parent: None, began },
        })
    }

    /// Its place in the trace.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Tells that it was answered, if its trace is one that is told.
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

/// Something that was done because of what `parent` did, to be filled in and told; nothing when nobody is told, or not
/// of this trace.
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

/// Tells of a span. When too many wait it is lost: telling must not hold up doing.
pub fn tell(span: Span) {
    if let Some(exporter) = EXPORTER.get() {
        let _ = exporter.spans.try_send(Told::Span(span));
    }
}
