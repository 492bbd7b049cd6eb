//! Experiments: the whole system, with real processes on a real Postgres and Redis, hurt in every way that happens in
//! operation. The client's own history is the oracle: what was acknowledged is there, what was refused is not, what was
//! not answered may be either but never half. `server verify --at-rest` has the last word each time.
//!
//! A short run by default; `EXPERIMENT_LONG=1` for the full size, `EXPERIMENT_SEED` for other dice. Logs of the processes
//! are in `target/tmp/experiments`.

#[path = "../gateway/system.rs"]
#[expect(dead_code, reason = "this experiment needs the gateway alone of it")]
mod gateway;
mod process;
mod scale;
mod shopper;
mod system;

mod boundaries;
mod cancelled;
mod crashes;
mod deadlocks;
mod departures;
mod expiry;
mod frozen;
mod held_connections;
mod network;
mod oversell;
mod page_view_queue;
mod page_view_readers;
mod page_views;
mod poison;
mod postgres;
mod redis;
mod repetition;
mod shutdown;
mod strangers;
mod together;
