//! Telemetry: logs, metrics and traces of a process.

mod encode;
pub mod logs;
mod metrics;
mod process;
pub mod traces;

pub use encode::{counter, gauge};
pub use metrics::Metrics;
