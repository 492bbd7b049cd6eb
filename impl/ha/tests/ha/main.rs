//! What operators run around Postgres and Redis, and what happens to it, under a mixed load of real processes. The clients' record of
//! every response is the oracle: what was acknowledged is stored once, what was rejected is not, and what had no definite response may be
//! either but never half.
//!
//! A short run by default; `EXPERIMENT_LONG=1` for the full size, `EXPERIMENT_SEED` for another order of faults, `HA_ROUTE` for another
//! route to Postgres (`route.rs`). Logs are in `target/tmp/ha`.

mod failovers;
mod faults;
mod limits;
mod load;
mod orders;
mod pace;
mod page_views;
mod record;
mod redis;
mod replicas;
mod route;
mod standby;
mod starts;
mod tasks;
mod world;
