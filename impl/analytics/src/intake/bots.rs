//! How many views were not counted, and why.

use platform::http::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::intake::page_view::View;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Views of bots, by reason.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bots(Family<Reason, Counter>);

impl Bots {
    pub(crate) fn count<'a>(&self, views: impl IntoIterator<Item = &'a View>) {
        for reason in views.into_iter().filter_map(|view| view.bot) {
            self.0.get_or_create(&Reason { reason }).inc();
        }
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| {
            registry.register(
                "page_views_excluded",
                "Page views excluded from statistics as bot traffic, by reason",
                self.0.clone(),
            );
        });
    }
}
