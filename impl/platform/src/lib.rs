//! What two or more services need: settings, Postgres and Redis, identity, serving, telemetry, cursors.
//!
//! A role of the server reads its [`settings`], starts [`telemetry`], prepares a [`Database`], a [`Cache`] and
//! [`identity::Accounts`], builds its generated router around them and hands it to [`http::serve`] as an
//! [`http::App`].

mod access;
mod access_log;
pub mod audit;
mod cache;
mod columns;
mod connections;
pub mod cursor;
mod database;
mod error;
pub mod http;
pub mod idempotency;
pub mod identity;
mod jobs;
mod limiter;
pub mod migrate;
pub mod page;
mod pauses;
pub mod privileges;
mod reads;
pub mod service;
pub mod settings;
pub mod shares;
mod silence;
pub mod slices;
pub mod sql;
mod sqlstate;
pub mod telemetry;
pub mod traces;
pub mod verification;
mod watch;

pub use access::Access;
pub use cache::{Cache, CacheError};
pub use columns::{Columns, microseconds, pair, read};
pub use connections::PoolState;
pub use database::{Database, Transaction};
pub use error::{Error, OnConstraint, Result};
pub use jobs::{Job, Jobs, first_failure, keep, restart_on_panic};
pub use limiter::{Account, Guard, Limiter, Signups};
pub use pauses::{backoff, jittered};
pub use reads::Reads;
pub use watch::Watch;
