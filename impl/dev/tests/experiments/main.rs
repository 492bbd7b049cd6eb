//! Experiments with all services at once: real processes on a real Postgres and Redis.
//!
//! A short run by default; `EXPERIMENT_LONG=1` for the full size. Logs of the processes are in `target/tmp/experiments`.

#[path = "../gateway/system.rs"]
#[expect(dead_code, reason = "this experiment needs the gateway alone of it")]
mod gateway;
mod restore;
mod rotation;
mod strangers;
