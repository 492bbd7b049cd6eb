//! Background work: periodic jobs with metrics, tasks that are restarted after a panic, and pauses between attempts.

mod jobs;
mod pauses;

pub use jobs::{Job, Jobs, first_failure, keep, register, restart_on_panic};
pub use pauses::{backoff, jittered};
