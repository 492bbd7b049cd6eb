//! HTTP serving: the code around the generated router of a service, and the sockets below it.

mod accept;
mod app;
mod body;
mod connection;
mod contract_violations;
mod cors;
mod docs;
mod exposition;
mod metrics;
mod own;
mod page;
mod readiness;
mod refusals;
mod request;
mod serve;
mod span;
mod unsent;

pub use app::{App, Description};
pub use readiness::Readiness;
pub use serve::{HEAD_TIMEOUT, listen, serve, shutdown_signal};
