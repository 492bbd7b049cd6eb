//! What sign-in by providers tells Prometheus.

use platform_telemetry::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    provider: String,
    reason: &'static str,
}

/// Failures by provider, of which the settings have a fixed number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures(Family<Failed, Counter>);

impl Failures {
    pub(crate) fn count(&self, provider: &str, reason: &'static str) {
        self.0.get_or_create(&Failed { provider: provider.to_owned(), reason }).inc();
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        let help = "Sign-ins by a provider that failed, by reason";
        metrics.register(|registry| registry.register("openid_failures", help, self.0.clone()));
    }
}
