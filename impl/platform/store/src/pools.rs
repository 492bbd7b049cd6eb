//! Metrics of the connection pools.

use std::fmt;

use platform_telemetry::Metrics;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::connections::PoolState;
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
        let name = |pool: &'static str| ("db_client_connection_pool_name", pool);
        let mut gauge = |metric: &str, help: &str, values: &[(&[(&str, &str)], usize)]| {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut metric = encoder.encode_descriptor(metric, help, None, kind)?;
            for (labels, value) in values {
                let value = ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX));
                value.encode(metric.encode_family(labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        let states = pools.each_ref().map(|(pool, now)| {
            [("used", now.busy), ("idle", now.idle)]
                .map(|(state, count)| ([name(pool), ("db_client_connection_state", state)], count))
        });
        let counts: Vec<_> = states.iter().flatten().map(|(labels, count)| (labels.as_slice(), *count)).collect();
        gauge("db_client_connections", "Connections to Postgres by pool and state", &counts)?;
        let names = pools.each_ref().map(|(pool, _)| [name(pool)]);
        let by_pool = |value: fn(&PoolState) -> usize| -> Vec<(&[(&str, &str)], usize)> {
            names.iter().zip(&pools).map(|(labels, (_, now))| (labels.as_slice(), value(now))).collect()
        };
        gauge("db_client_connection_max", "Maximum number of connections of a pool", &by_pool(|now| now.size))?;
        let help = "Requests waiting for a connection of a pool";
        gauge("db_client_connection_pending_requests", help, &by_pool(|now| now.waiting))
    }
}
