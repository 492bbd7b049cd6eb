//! Handlers of seeding.

use analytics_api::apis::seeding::Seeding;

use crate::AnalyticsService;

impl Seeding for AnalyticsService {}
