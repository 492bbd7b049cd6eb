//! Metrics of requests, by operation id.

use std::time::Duration;

use contract::Operation;
use platform_telemetry::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;

/// Seconds; from a cached read to the deadline of an operation.
const BUCKETS_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    http_response_status_code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operated {
    operation: &'static str,
}

/// The metrics of requests.
pub(crate) struct Measurements {
    requests: Family<Answered, Counter>,
    durations: Family<Operated, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    abandoned: Counter,
    shed: Counter,
}

impl Measurements {
    /// For a service of this version with this concurrency limit.
    pub(crate) fn new(metrics: &Metrics, version: &str, concurrency: u32) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS_SECONDS);
        let measurements = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            abandoned: Counter::default(),
            shed: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register(
                "http_server_requests",
                "Requests by operation and response status code",
                measurements.requests.clone(),
            );
            let durations = measurements.durations.clone();
            registry.register_with_unit(
                "http_server_request_duration",
                "Time to first byte of responses",
                Unit::Seconds,
                durations,
            );
            registry.register("http_server_active_requests", "Requests in progress", measurements.in_flight.clone());
            registry.register(
                "http_server_open_connections",
                "Open client connections",
                measurements.connections.clone(),
            );
            let abandoned = measurements.abandoned.clone();
            let help = "Requests whose client closed the connection before the response";
            registry.register("http_server_requests_client_closed", help, abandoned);
            registry.register(
                "http_server_requests_shed",
                "Requests rejected with 503 because of overload",
                measurements.shed.clone(),
            );
            let limit: Gauge = Gauge::default();
            limit.set(i64::from(concurrency));
            let help = "Maximum number of concurrent requests";
            registry.register("http_server_active_requests_limit", help, limit);
            let version = Info::new(vec![("version", version.to_owned())]);
            registry.register("server_build", "Version of the service", version);
        });
        measurements
    }

    pub(super) fn expect_operations(&self, operations: &[&'static Operation]) {
        for operation in operations {
            drop(self.durations.get_or_create(&Operated { operation: operation.id }));
            for http_response_status_code in [500, 503] {
                drop(self.requests.get_or_create(&Answered { operation: operation.id, http_response_status_code }));
            }
        }
    }

    pub(crate) fn answered(&self, operation: &'static str, status: u16, after: Duration) {
        self.requests.get_or_create(&Answered { operation, http_response_status_code: status }).inc();
        self.durations.get_or_create(&Operated { operation }).observe(after.as_secs_f64());
    }

    pub(crate) fn shed(&self) {
        self.shed.inc();
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connection(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// Counts a request until the guard is dropped.
    pub(crate) fn request(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight { measurements: self, answered: false }
    }
}

pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

pub(crate) struct InFlight<'a> {
    measurements: &'a Measurements,
    answered: bool,
}

impl InFlight<'_> {
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.measurements.in_flight.dec();
        if !self.answered {
            self.measurements.abandoned.inc();
        }
    }
}
