//! Metrics of shares and budgets.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Resources of every service that requests are rejected for, and the kind of limit.
const REJECTIONS: [(&str, &str); 12] = [
    ("requests", "share"),
    ("database_reads", "share"),
    ("database_writes", "share"),
    ("password_hashing", "share"),
    ("request_bodies", "share"),
    ("buffered_bytes", "share"),
    ("event_streams", "share"),
    ("connections", "share"),
    ("database_time", "budget"),
    ("password_hashing_time", "budget"),
    ("bytes_sent", "budget"),
    ("cpu_time", "budget"),
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    resource: &'static str,
    kind: &'static str,
}

/// Counts rejections. Clones count together.
#[derive(Clone)]
pub struct Measurements(Family<Refusal, Counter>);

impl Default for Measurements {
    fn default() -> Self {
        let refused = Family::default();
        for (resource, kind) in REJECTIONS {
            // Created at start, so that the first rejection is an increase.
            drop(refused.get_or_create(&Refusal { resource, kind }));
        }
        Self(refused)
    }
}

impl Measurements {
    /// Counts a rejected request for a resource; `kind` is `share` or `budget`.
    pub fn refused(&self, resource: &'static str, kind: &'static str) {
        self.0.get_or_create(&Refusal { resource, kind }).inc();
    }

    /// Creates the series of a resource that only one service has.
    pub fn expect(&self, resource: &'static str) {
        drop(self.0.get_or_create(&Refusal { resource, kind: "share" }));
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Requests rejected because the client exceeded its share or its budget of a resource";
        registry.register("client_requests_rejected", help, self.0.clone());
    }
}
