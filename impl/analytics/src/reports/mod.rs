//! What can be asked of page views.

pub(crate) mod breakdown;
pub(crate) mod export;
pub(crate) mod handlers;
pub(crate) mod live;
pub(crate) mod read_cache;
pub(crate) mod time_buckets;
pub(crate) mod time_series;
pub(crate) mod top_paths;
pub(crate) mod window;
