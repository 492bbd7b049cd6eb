//! Acknowledged writes are stored, rejected ones are not, and the pools stay sound whatever happens to their users.

mod errors;
mod fixture;
mod pool;
mod transactions;
