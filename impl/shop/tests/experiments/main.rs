//! Experiments with orders: real processes on a real Postgres and Redis, with every fault that happens in operation. The
//! client's own history is the oracle: what was acknowledged is stored, what was rejected is not, what got no response may be
//! either but never half. Each ends with `server verify --quiescent`.
//!
//! A short run by default; `EXPERIMENT_LONG=1` for the full size, `EXPERIMENT_SEED` for another random seed. Logs of the
//! processes are in `target/tmp/experiments`.

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
