//! The store: Postgres, which is the source of truth, and Redis, which may be empty at any time.
//!
//! [`Database`] has one way to read and one way to write; statements are [`sql!`] and rows are read by the names of their
//! columns. [`page`] paginates ordered lists, [`slices`] processes many rows in batches, and [`Database::write_idempotent`]
//! executes a request once.

mod cache;
mod columns;
mod connections;
mod cursor;
mod database;
mod error;
pub mod idempotency;
pub mod page;
mod pools;
mod reads;
mod schema;
mod server_state;
mod silence;
pub mod slices;
pub mod sql;
mod sqlstate;

pub use cache::{Cache, CacheError};
pub use columns::{Columns, microseconds, pair, read};
pub use connections::PoolState;
pub use database::{Database, Transaction};
pub use error::{Error, OnConstraint, Result};
pub use reads::Reads;
pub use schema::known_current;
pub use server_state::ServerState;
