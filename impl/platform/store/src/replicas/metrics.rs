//! Metrics of replicas.

use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use platform_telemetry::{counters, gauges};
use prometheus_client::encoding::DescriptorEncoder;

use super::Replicas;

impl Replicas {
    pub(crate) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let reads = [("replica", &self.served), ("primary", &self.fell_back)]
            .map(|(server, count)| ([("server", server)], count.load(Ordering::Relaxed)));
        let help = "Reads of operations that may read from a replica, by the server that they were read from";
        counters(encoder, "postgres_replica_reads", help, reads)?;
        let seen = |replica: &super::Replica| *replica.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = self.all.iter().map(|replica| {
            let usable = seen(replica).is_some_and(|seen| seen.complete_until.elapsed() <= self.max_lag);
            ([("replica", &*replica.place)], u32::from(usable))
        });
        gauges(encoder, "postgres_replica_usable", "Whether a replica is read from (1) or not (0)", usable)?;
        let lags = self.all.iter().filter_map(|replica| {
            Some(([("replica", &*replica.place)], seen(replica)?.complete_until.elapsed().as_secs_f64()))
        });
        gauges(encoder, "postgres_replica_lag_seconds", "How old what a replica has may be", lags)
    }
}
