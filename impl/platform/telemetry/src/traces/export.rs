//! Exports spans to a collector: OTLP as JSON over HTTP, which every collector accepts on port 4318. A few dozen lines instead of
//! the crates of the SDK, of which one call would be used.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use platform_settings::{InvalidSettings, TraceSettings};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::span::{Attribute, Span, Told};

/// Spans of one export request, and how long the first of them waits for more.
const MAX_SPANS_PER_REQUEST: usize = 512;
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// The timeout of an export request; its spans are dropped.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    /// Host and port.
    address: String,
    path: String,
}

impl Collector {
    pub(super) fn new(settings: &TraceSettings) -> Result<Option<Self>, InvalidSettings> {
        let Some((address, path)) = settings.collector()? else { return Ok(None) };
        Ok(Some(Self { address, path: format!("{path}/v1/traces") }))
    }

    async fn send(&self, spans: &[Span]) -> Result<(), Failure> {
        let socket = TcpStream::connect(&self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // Its errors are those of the request.
        tokio::spawn(connection);
        let request = Request::post(&self.path).header(HOST, &self.address).header(CONTENT_TYPE, "application/json");
        let body = serde_json::to_vec(&payload(spans))?;
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("status {}", answer.status()).into()) }
    }
}

/// Exports spans until all senders are dropped. Spans that the collector does not accept are dropped.
pub(super) async fn run(collector: Collector, mut waiting: mpsc::Receiver<Told>) {
    let mut failing = false;
    while let Some(first) = waiting.recv().await {
        let (mut spans, mut flushed) = (Vec::new(), None);
        let mut next = Some(first);
        let deadline = Instant::now() + BATCH_DELAY;
        while let Some(told) = next {
            match told {
                Told::Span(span) => spans.push(span),
                Told::Flush(sender) => flushed = Some(sender),
            }
            next = match spans.len() < MAX_SPANS_PER_REQUEST && flushed.is_none() {
                true => timeout_at(deadline, waiting.recv()).await.unwrap_or(None),
                false => None,
            };
        }
        if !spans.is_empty() {
            let sent =
                timeout(EXPORT_TIMEOUT, collector.send(&spans)).await.unwrap_or_else(|_| Err("timed out".into()));
            match sent {
                Ok(()) => failing = false,
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::warn!(%error, "exporting traces failed");
                }
                Err(_) => {}
            }
        }
        if let Some(flushed) = flushed {
            let _ = flushed.send(());
        }
    }
}

/// An `ExportTraceServiceRequest` as JSON.
fn payload(spans: &[Span]) -> Value {
    let mut services: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for span in spans {
        services.entry(&span.service).or_default().push(encode(span));
    }
    let resource = |(service, spans): (&str, Vec<Value>)| {
        json!({
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": service}},
                {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
            ]},
            "scopeSpans": [{"scope": {"name": "platform"}, "spans": spans}],
        })
    };
    json!({"resourceSpans": services.into_iter().map(resource).collect::<Vec<_>>()})
}

fn encode(span: &Span) -> Value {
    let nanoseconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
    let attribute = |(key, value): &(&'static str, Attribute)| match value {
        Attribute::Text(text) => json!({"key": key, "value": {"stringValue": text}}),
        // OTLP has 64-bit integers as strings in JSON.
        Attribute::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
    };
    let mut encoded = json!({
        "traceId": span.context.trace_id(),
        "spanId": format!("{:016x}", span.context.span()),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanoseconds(span.began),
        "endTimeUnixNano": nanoseconds(span.ended.max(span.began)),
        "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(),
    });
    if let Some(parent) = span.parent {
        encoded["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    if span.failed {
        encoded["status"] = json!({"code": 2});
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(endpoint: &str) -> Result<Option<Collector>, InvalidSettings> {
        let endpoint = Some(endpoint.to_owned());
        Collector::new(&TraceSettings { otel_exporter_otlp_endpoint: endpoint, otel_traces_sampler_arg: 1.0 })
    }

    #[test]
    fn a_collector_is_an_address() {
        for (endpoint, address, path) in [
            ("http://collector:4318", "collector:4318", "/v1/traces"),
            ("http://collector", "collector:4318", "/v1/traces"),
            ("http://[::1]:80/otlp/", "[::1]:80", "/otlp/v1/traces"),
        ] {
            let found = collector(endpoint).expect("an address").expect("one is named");
            assert_eq!((&*found.address, &*found.path), (address, path));
        }
        assert!(collector("").expect("nobody").is_none());
        for bad in ["collector", "collector:4318", "https://collector:4318", "grpc://collector", "http://"] {
            assert!(collector(bad).is_err(), "{bad}");
        }
    }
}
