//! What Prometheus reads: requests by operation id, and the state of process, runtime and pools.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::Operation;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, EncodeMetric,
};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::database::Database;
use crate::jobs::{Jobs, Measured};

/// Seconds; from a cached read to the deadline of an operation.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operated {
    operation: &'static str,
}

/// The measurements of one service.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Answered, Counter>,
    durations: Family<Operated, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    abandoned: Counter,
    shed: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            abandoned: Counter::default(),
            shed: Counter::default(),
        };
        metrics.register(|registry| {
            registry.register("http_requests", "Requests answered", metrics.requests.clone());
            let durations = metrics.durations.clone();
            registry.register_with_unit(
                "http_request_duration",
                "Time to the head of the answer",
                Unit::Seconds,
                durations,
            );
            registry.register("http_requests_in_flight", "Requests being worked on", metrics.in_flight.clone());
            registry.register("http_connections_open", "Open connections of clients", metrics.connections.clone());
            let abandoned = metrics.abandoned.clone();
            registry.register("http_requests_abandoned", "Requests whose client left before the answer", abandoned);
            registry.register("http_requests_shed", "Requests refused because of overload", metrics.shed.clone());
            registry.register_collector(Box::new(Process { started: SystemTime::now() }));
        });
        metrics
    }

    /// Lets a service register measurements of its own.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets every operation be seen before it is first called, and its failures before the first: a series that begins
    /// with its first increment never shows that one as a rate.
    pub fn expect_operations(&self, operations: &[&'static Operation]) {
        for operation in operations {
            drop(self.durations.get_or_create(&Operated { operation: operation.id }));
            for status in [500, 503] {
                drop(self.requests.get_or_create(&Answered { operation: operation.id, status }));
            }
        }
    }

    /// Tells what is served, and how many requests are worked on at once.
    pub(crate) fn describe(&self, version: &str, concurrency: u32) {
        let limit: Gauge = Gauge::default();
        limit.set(i64::from(concurrency));
        self.register(|registry| {
            let help = "Requests worked on at once; more wait, then are refused";
            registry.register("http_requests_in_flight_limit", help, limit);
            let version = Info::new(vec![("version", version.to_owned())]);
            registry.register("server_build", "What is served", version);
        });
    }

    pub(crate) fn watch_database(&self, database: Database) {
        self.register(|registry| registry.register_collector(Box::new(Pools(database))));
    }

    pub(crate) fn watch_jobs(&self, jobs: Vec<Jobs>) {
        self.register(|registry| registry.register_collector(Box::new(Measured(jobs))));
    }

    pub(crate) fn answered(&self, operation: &'static str, status: u16, after: Duration) {
        self.requests.get_or_create(&Answered { operation, status }).inc();
        self.durations.get_or_create(&Operated { operation }).observe(after.as_secs_f64());
    }

    pub(crate) fn shed(&self) {
        self.shed.inc();
    }

    /// Counts a connection for as long as the answer lives.
    pub(crate) fn connection(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// Counts a request for as long as the answer lives.
    pub(crate) fn request(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight { metrics: self, answered: false }
    }

    /// Everything, in the OpenMetrics text format.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Metrics")
    }
}

pub(crate) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

pub(crate) struct InFlight<'a> {
    metrics: &'a Metrics,
    answered: bool,
}

impl InFlight<'_> {
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if !self.answered {
            self.metrics.abandoned.inc();
        }
    }
}

#[derive(Debug)]
struct Pools(Database);

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let pools = self.0.pools();
        let mut gauge = |name: &str, help: &str, values: &[([(&str, &str); 2], usize)]| {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in values {
                let value = ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX));
                value.encode(metric.encode_family(&labels.as_slice())?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        let connections: Vec<_> = pools
            .iter()
            .flat_map(|(pool, now)| {
                [("size", now.size), ("busy", now.busy), ("idle", now.idle)]
                    .map(|(state, value)| ([("pool", *pool), ("state", state)], value))
            })
            .collect();
        gauge("database_connections", "Connections to Postgres by pool and state", &connections)?;
        let waiting: Vec<_> =
            pools.iter().map(|(pool, now)| ([("pool", *pool), ("state", "waiting")], now.waiting)).collect();
        gauge("database_waiting", "Requests waiting for a connection", &waiting)
    }
}

/// The process and its runtime. What an operating system does not tell is left out.
#[derive(Debug)]
struct Process {
    started: SystemTime,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let runtime = tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.metrics());
        let count = |count: usize| i64::try_from(count).ok();
        let values = [
            ("process_resident_memory_bytes", "Resident memory", resident_bytes()),
            ("process_open_fds", "Open file descriptors", open_files()),
            ("process_max_fds", "File descriptors that may be open", max_files()),
            ("runtime_workers", "Worker threads", runtime.as_ref().and_then(|runtime| count(runtime.num_workers()))),
            ("runtime_tasks", "Tasks alive", runtime.as_ref().and_then(|runtime| count(runtime.num_alive_tasks()))),
            (
                "runtime_queued_tasks",
                "Tasks waiting for a worker",
                runtime.as_ref().and_then(|runtime| count(runtime.global_queue_depth())),
            ),
        ];
        for (name, help, value) in values {
            if let Some(value) = value {
                gauge(&mut encoder, name, help, value)?;
            }
        }
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        gauge(&mut encoder, "process_start_time_seconds", "When it began to serve", started)?;
        let Some(seconds) = cpu_seconds() else { return Ok(()) };
        counter(&mut encoder, "process_cpu_seconds", "Time it has used of processors", seconds)
    }
}

/// Tells a number as it is now.
///
/// # Errors
/// Those of the encoder.
pub fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// Tells a number that only grows, as it is now.
///
/// # Errors
/// Those of the encoder.
pub fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl EncodeCounterValue,
) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

fn max_files() -> Option<i64> {
    use nix::sys::resource::{Resource, getrlimit};
    i64::try_from(getrlimit(Resource::RLIMIT_NOFILE).ok()?.0).ok()
}

fn cpu_seconds() -> Option<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok().map(|kibibytes| kibibytes * 1024)
}

fn open_files() -> Option<i64> {
    let open = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd")).ok()?.count();
    // Minus the directory that is being read.
    i64::try_from(open).ok().map(|open| open - 1)
}
