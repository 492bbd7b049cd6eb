//! Settings of the analytics service.

use chrono::TimeDelta;
use clap::Args;

use crate::intake::path_limits::PathLimits;

/// Retention and limits of page views.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Analytics")]
pub struct AnalyticsSettings {
    /// Retention of page views, in days
    #[arg(long, env = "RETENTION_DAYS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub retention_days: u32,
    /// Maximum number of new paths per client and minute; page views beyond it count as `(other)`
    #[arg(long, env = "NEW_PATHS_PER_MINUTE", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub new_paths_per_minute: u32,
    /// Maximum number of new paths per day, a quarter of them per client
    #[arg(long, env = "NEW_PATHS_PER_DAY", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub new_paths_per_day: u32,
    /// Maximum number of distinct paths
    #[arg(long, env = "MAX_PATHS", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub max_paths: u32,
}

impl AnalyticsSettings {
    pub(crate) fn retention(&self) -> TimeDelta {
        TimeDelta::days(self.retention_days.into())
    }

    pub(crate) fn path_limits(&self) -> PathLimits {
        let Self { new_paths_per_minute, new_paths_per_day, max_paths, .. } = *self;
        PathLimits { a_minute: new_paths_per_minute, a_day: new_paths_per_day, in_all: max_paths }
    }
}
