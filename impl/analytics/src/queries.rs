//! Handlers of analytics.

use analytics_api::apis::analytics::Analytics;

use crate::AnalyticsService;

impl Analytics for AnalyticsService {}
