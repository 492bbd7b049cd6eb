//! What page views add up to, by spans of time, and whether the sums are right.

pub(crate) mod audit;
pub(crate) mod rollup_metrics;
pub(crate) mod rollups;
