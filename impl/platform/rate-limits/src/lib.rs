//! Enforces the rate limits of the documents.
//!
//! Requests are counted in Redis, so that replicas share them. While Redis is away each process counts on its own, with the
//! same amounts; but where passwords are guarded, with a quarter of them, because replicas then add up. Failed attempts at
//! an account are counted in Postgres, which is there whenever a password can be checked. Whose they are stands in either as
//! a keyed hash only.

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
