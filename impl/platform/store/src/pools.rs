//! Metrics of the connection pools.

use std::fmt;

use platform_telemetry::{Metrics, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::database::Database;
use platform_connections::pool::PoolState;

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
        let states = pools.iter().flat_map(|(pool, now)| {
            [("used", now.busy), ("idle", now.idle), ("abandoned", now.abandoned)]
                .map(|(state, number)| ([name(pool), ("db_client_connection_state", state)], number))
        });
        gauges(&mut encoder, "db_client_connections", "Connections to Postgres by pool and state", states)?;
        let by_pool = |value: fn(&PoolState) -> usize| pools.iter().map(move |(pool, now)| ([name(pool)], value(now)));
        let help = "Maximum number of connections of a pool";
        gauges(&mut encoder, "db_client_connection_max", help, by_pool(|now| now.size))?;
        let help = "Requests waiting for a connection of a pool";
        gauges(&mut encoder, "db_client_connection_pending_requests", help, by_pool(|now| now.waiting))?;
        self.0.reads().replicas.as_ref().map_or(Ok(()), |replicas| replicas.encode(&mut encoder))
    }
}
