//! Accounts: who there is, who may come in, and a log of what was done with either.

mod access;
pub mod audit;
pub mod identity;

pub use access::Access;
