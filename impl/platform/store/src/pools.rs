//! Metrics of the connection pools.

use std::fmt;

use platform_telemetry::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::database::Database;

impl Database {
    /// Registers the state of its pools in the metrics of a service.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| registry.register_collector(Box::new(Pools(self.clone()))));
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
