//! Connections to Postgres and Redis: addresses, pools, and what the servers are to this process.
//!
//! [`Servers`] finds the Postgres that accepts writes and opens connections, [`pool`] lends them out, [`Cache`] is Redis, [`ServerState`] names
//! the states of both. Statements are [`sql!`].

mod cache;
pub mod failure;
pub mod pool;
mod redis_server;
mod server_state;
mod servers;
mod silence;
pub mod sql;
pub mod sqlstate;

pub use cache::{Cache, CacheError};
pub use server_state::{NotWritable, Pooled, ServerState};
pub use servers::{Opened, Servers, Wanted};
