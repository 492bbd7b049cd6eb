//! Background work: periodic jobs that are measured, tasks that outlive a panic, and pauses between attempts.

mod jobs;
mod pauses;

pub use jobs::{Job, Jobs, first_failure, keep, register, restart_on_panic};
pub use pauses::{backoff, jittered};
