//! Enforces the rate limits of the documents.
//!
//! Requests are counted in Redis, so that replicas share the counts. While Redis is unavailable each process goes on from what it
//! knows and admits its part, divided by the processes that are known to count; at least four are assumed of limits that
//! protect passwords. Afterwards Redis learns what was counted without it. Failed
//! attempts at an account are counted in Postgres, which is available whenever a password can be checked. Subjects are stored
//! in either as keyed hashes only.

mod attempts;
mod guard;
mod handover;
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
