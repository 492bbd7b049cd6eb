//! What is wrong with settings.

/// Settings that contradict each other or the environment they run in.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSettings(pub String);
