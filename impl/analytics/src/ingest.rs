//! Handlers of ingest.

use analytics_api::apis::ingest::Ingest;

use crate::AnalyticsService;

impl Ingest for AnalyticsService {}
