//! Serving: the code around the generated router of a service, and a service as a value that the server runs.

mod access_log;
pub mod http;
pub mod service;
mod watch;

pub use watch::Watch;
