//! What is acknowledged is there, what is refused is not, and the pools stay sound whatever happens to their users.

mod errors;
mod fixture;
mod pool;
mod transactions;
