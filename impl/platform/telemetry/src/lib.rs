//! Telemetry: logs, metrics and traces of a process.

mod encode;
pub mod logs;
mod metrics;
pub mod notices;
mod process;
pub mod traces;

pub use encode::{counter, counters, gauge, gauges};
pub use metrics::Metrics;
