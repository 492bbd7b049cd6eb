//! What Prometheus reads of shares and budgets.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Cost, Shares};
use crate::http::{Metrics, gauge};

/// What may be refused, and why.
const REFUSALS: [(&str, &str); 13] = [
    ("requests", "share"),
    ("database_reads", "share"),
    ("database_writes", "share"),
    ("hashing", "share"),
    ("request_bodies", "share"),
    ("unsent_bytes", "share"),
    ("event_streams", "share"),
    ("connections", "share"),
    ("page_views", "share"),
    ("database_time", "budget"),
    ("hashing_time", "budget"),
    ("bytes_sent", "budget"),
    ("processor_time", "budget"),
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    resource: &'static str,
    kind: &'static str,
}

/// Counts refusals. Clones count together.
#[derive(Clone)]
pub(crate) struct Measurements(Family<Refusal, Counter>);

impl Default for Measurements {
    fn default() -> Self {
        let refused = Family::default();
        for (resource, kind) in REFUSALS {
            // There from the beginning, so that the first refusal is an increase.
            drop(refused.get_or_create(&Refusal { resource, kind }));
        }
        Self(refused)
    }
}

impl Measurements {
    pub(crate) fn refused(&self, resource: &'static str, kind: &'static str) {
        self.0.get_or_create(&Refusal { resource, kind }).inc();
    }
}

impl Shares {
    pub(crate) fn register(self: &Arc<Self>, metrics: &Metrics) {
        metrics.register(|registry| {
            let help = "Requests refused because a client had its share, or had used up its budget";
            registry.register("client_refusals", help, self.measurements.0.clone());
            registry.register_collector(Box::new(State(Arc::clone(self))));
        });
    }
}

struct State(Arc<Shares>);

impl fmt::Debug for State {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (bytes, unsent) = self.0.unsent.state();
        let (_, streams) = self.0.streams.state();
        for (name, help, value) in [
            ("http_unsent_bytes", "Bytes of large requests and answers in memory", unsent),
            ("http_unsent_bytes_limit", "Bytes of large requests and answers that may be in memory", bytes),
            ("http_event_streams_open", "Event streams that are open", streams),
        ] {
            gauge(&mut encoder, name, help, i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        let help = "Clients that have used up a budget and are refused until it has refilled";
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut metric = encoder.encode_descriptor("clients_in_debt", help, None, kind)?;
        for (cost, clients) in self.0.budgets.in_debt() {
            let labels = [("resource", Cost::name(cost))];
            let gauge = ConstGauge::new(i64::try_from(clients).unwrap_or(i64::MAX));
            gauge.encode(metric.encode_family(&labels.as_slice())?)?;
        }
        Ok(())
    }
}
