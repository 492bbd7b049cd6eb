//! Serving: what surrounds the generated router of a service, and the sockets under it.

mod accept;
mod app;
mod body;
mod connection;
mod cors;
mod docs;
mod exposition;
mod metrics;
mod own;
mod page;
mod readiness;
mod refusals;
mod request;
mod sender;
mod serve;
mod unsent;

pub use app::{App, Description};
pub use metrics::{Metrics, counter, gauge};
pub use readiness::Readiness;
pub use sender::{Proxies, Sender};
pub use serve::{HEAD_TIMEOUT, listen, serve, shutdown_signal};
