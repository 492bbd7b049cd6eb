//! Responses that break their document: which are looked for, the log and the metric of those that are found.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use contract::{Mode, Operation, Violation};
use platform_admission::Sender;
use platform_settings::{Contract, HttpSettings};
use platform_telemetry::{Metrics, counters};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};

/// Lines a minute: a handler that breaks its document in each response must not flood the log.
const MAX_LINES: u64 = 30;

/// Applies the settings to the process, and logs what is found.
pub(super) fn start(settings: &HttpSettings) {
    contract::set_mode(match settings.contract {
        Contract::Off => Mode::Off,
        Contract::Sample => Mode::Sample(settings.contract_sample_rate),
        Contract::Enforce => Mode::Enforce,
    });
    contract::report_to(log);
}

fn log(violation: &Violation<'_>) {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    static LINES: Lines = Lines::new();
    let Some(suppressed) = LINES.next(STARTED.elapsed().as_secs() / 60) else { return };
    let suppressed = (suppressed > 0).then_some(suppressed);
    let Violation { operation, status, error, .. } = *violation;
    // While the request is processed every line gets its id; a stream is sent afterwards.
    let request_id = if Sender::in_log().is_some() { None } else { violation.request_id };
    tracing::warn!(
        target: "contract",
        operation,
        http.response.status_code = status,
        pointer = violation.place(),
        code = error.code,
        detail = error.detail,
        request_id,
        suppressed,
        "response_contract_violation"
    );
}

/// The lines of a minute.
struct Lines {
    /// The minute, and how many there were in it.
    minute: AtomicU64,
    count: AtomicU64,
}

impl Lines {
    const fn new() -> Self {
        Self { minute: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Whether there may be another line in this minute, and how many were suppressed in the one before.
    fn next(&self, minute: u64) -> Option<u64> {
        let before = match self.minute.swap(minute, Ordering::Relaxed) == minute {
            true => 0,
            false => self.count.swap(0, Ordering::Relaxed).saturating_sub(MAX_LINES),
        };
        (self.count.fetch_add(1, Ordering::Relaxed) < MAX_LINES).then_some(before)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operated {
    operation: &'static str,
}

/// Counts of the operations of a service.
#[derive(Debug)]
struct Counts(Vec<&'static Operation>);

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let count = |operation: &&'static Operation| {
            Some((Operated { operation: operation.id }, operation.responses?.violations()))
        };
        let help = "Responses that broke the OpenAPI document, of those checked";
        counters(&mut encoder, "response_contract_violations", help, self.0.iter().filter_map(count))
    }
}

/// Registers the counts of operations, from 0.
pub(super) fn register(metrics: &Metrics, operations: &[&'static Operation]) {
    metrics.register(|registry| registry.register_collector(Box::new(Counts(operations.to_vec()))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_minute_are_limited_and_what_is_left_out_is_told() {
        let lines = Lines::new();
        let told = |minute| (0..100).filter_map(|_| lines.next(minute)).collect::<Vec<_>>();
        assert_eq!(told(0), [0; 30]);
        let later = told(7);
        assert_eq!((later.len(), later[0], later[1]), (30, 70, 0));
    }
}
