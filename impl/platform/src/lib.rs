//! What two or more services need: settings, Postgres and Redis, identity, serving, telemetry, cursors.

mod connections;
pub mod cursor;
mod database;
mod error;
mod gate;
pub mod identity;
pub mod migrate;
pub mod settings;

pub use connections::PoolState;
pub use database::{Database, Reads, Transaction};
pub use error::{Error, OnConstraint, Result};
