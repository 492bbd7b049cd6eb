//! Metrics of the keys of tokens: during a rotation they tell which process knows which key.

use std::fmt;
use std::sync::Arc;

use platform_telemetry::gauges;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::tokens::Tokens;

/// The keys that are accepted when they are asked for.
pub(super) struct KeyMetrics(pub(super) Arc<Tokens>);

impl Collector for KeyMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let keys = self.0.keys().into_iter().map(|key| {
            let labels = [("kid", key.id), ("algorithm", key.algorithm), ("signs", key.signs.to_string())];
            (labels, 1_i64)
        });
        gauges(&mut encoder, "access_token_key", "Keys of access tokens that are accepted, by their ids", keys)
    }
}

impl fmt::Debug for KeyMetrics {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("KeyMetrics")
    }
}
