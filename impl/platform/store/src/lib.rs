//! The store: Postgres, which is the source of truth.
//!
//! [`Database`] has one way to read and one way to write; statements are [`sql!`] and rows are read by the names of their
//! columns. [`page`] paginates ordered lists, [`slices`] processes many rows in batches, and [`Database::write_idempotent`]
//! executes a request once.

mod columns;
mod cursor;
mod database;
mod error;
pub mod idempotency;
pub mod page;
mod pools;
mod reads;
mod replicas;
mod schema;
pub mod slices;

pub use columns::{Columns, microseconds, pair, read};
pub use database::{Database, Transaction};
pub use error::{Error, OnConstraint, Result};
pub use platform_connections::failure::has_code;
pub use platform_connections::pool::PoolState;
pub use platform_connections::{Cache, CacheError, Opened, ServerState, Servers, Wanted, sql, sql_shapes};
pub use reads::Reads;
pub use schema::known_current;
