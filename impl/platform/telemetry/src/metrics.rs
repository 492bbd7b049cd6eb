//! The metrics of one service: a registry that each part adds its own to.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use prometheus_client::registry::Registry;

use crate::process::Process;

/// The metrics of one service.
pub struct Metrics(Mutex<Registry>);

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self(Mutex::default());
        metrics.register(|registry| registry.register_collector(Box::new(Process { started: SystemTime::now() })));
        metrics
    }
}

impl Metrics {
    /// Lets a part of the service register metrics of its own.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All metrics, in the OpenMetrics text format.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Metrics")
    }
}
