//! The resources that the clients of a service share.

use std::fmt;
use std::sync::Arc;

use platform_settings::HttpSettings;
use platform_telemetry::{Metrics, gauge, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::budget::Budgets;
use crate::measurements::Measurements;
use crate::pace::Pace;
use crate::stock::Stock;

/// Event streams per address; the limit per user is declared by the operation.
const MAX_STREAMS_PER_ADDRESS: usize = 256;

/// The resources that a service's clients share, apart from the pools.
pub struct Shares {
    /// What each client has used.
    pub(crate) budgets: Budgets,
    /// Which operations take long, by subject.
    pub(crate) pace: Pace,
    /// Bytes of requests and responses in memory.
    pub(crate) unsent: Stock,
    /// Open event streams.
    pub(crate) streams: Stock,
    pub(crate) streams_of_addresses: Stock,
    /// How often a client was rejected.
    pub measurements: Measurements,
}

impl Shares {
    /// With the limits of the settings.
    pub fn new(settings: &HttpSettings) -> Self {
        let budget = |amount: u32, unit: f64| f64::from(amount) * unit;
        let streams = settings.http_max_event_streams as usize;
        Self {
            budgets: Budgets::new([
                budget(settings.database_budget_seconds, 1.0),
                budget(settings.hashing_budget_seconds, 1.0),
                budget(settings.bandwidth_budget_mib, f64::from(1 << 20)),
                budget(settings.cpu_budget_seconds, 1.0),
            ]),
            pace: Pace::default(),
            unsent: Stock::new((settings.http_buffer_mib as usize) << 20, 0.25, usize::MAX),
            streams: Stock::new(streams, 2.0, usize::MAX),
            streams_of_addresses: Stock::new(streams, 2.0, MAX_STREAMS_PER_ADDRESS),
            measurements: Measurements::default(),
        }
    }

    /// Adds their state to a service's metrics.
    pub fn register(self: &Arc<Self>, metrics: &Metrics) {
        metrics.register(|registry| {
            self.measurements.register(registry);
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
            ("http_server_buffered_bytes", "Memory of large request and response bodies", unsent),
            ("http_server_buffered_limit_bytes", "Maximum memory of large request and response bodies", bytes),
            ("http_server_open_event_streams", "Open event streams", streams),
        ] {
            gauge(&mut encoder, name, help, value)?;
        }
        let help = "Clients that have exhausted their budget of a resource";
        let clients = self.0.budgets.in_debt().map(|(cost, clients)| ([("resource", cost.name())], clients));
        gauges(&mut encoder, "clients_over_budget", help, clients)
    }
}
