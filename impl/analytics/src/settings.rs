//! Settings of the analytics service.

use chrono::TimeDelta;
use clap::Args;

/// How page views are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Analytics")]
pub struct AnalyticsSettings {
    /// Days page views are kept
    #[arg(long, env = "RETENTION_DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: u32,
}

impl AnalyticsSettings {
    pub(crate) fn retention(&self) -> TimeDelta {
        TimeDelta::days(self.retention_days.into())
    }
}
