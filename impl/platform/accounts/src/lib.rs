//! Accounts: users, authentication, and an audit log.

mod access;
pub mod audit;
pub mod identity;

pub use access::Access;
