//! Enforces the rate limits of the documents.
//!
//! Requests are counted in Redis, so that replicas share the counts. While Redis is unavailable each process counts on its own,
//! with the same amounts; limits that protect passwords get a quarter, because the counts of replicas then add up. Failed
//! attempts at an account are counted in Postgres, which is available whenever a password can be checked. Subjects are stored
//! in either as keyed hashes only.

mod attempts;
mod guard;
mod limiter;
mod local;
mod measurements;
mod shared;
mod signups;
mod subject;
mod turns;
mod window;

pub use guard::{Account, Guard};
pub use limiter::Limiter;
pub use signups::Signups;
