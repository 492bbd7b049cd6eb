//! Experiments: orders, with real processes on a real Postgres and Redis, hurt in every way that happens in
//! operation. The client's own history is the oracle: what was acknowledged is there, what was refused is not, what was
//! not answered may be either but never half. `server verify --at-rest` has the last word each time.
//!
//! A short run by default; `EXPERIMENT_LONG=1` for the full size, `EXPERIMENT_SEED` for other dice. Logs of the processes
//! are in `target/tmp/experiments`.

mod crowd;
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
mod poison;
mod postgres;
mod redis;
mod repetition;
mod shutdown;
mod together;
