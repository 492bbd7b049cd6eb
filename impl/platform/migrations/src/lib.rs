//! The schema: its migrations, the roles of Postgres and what they may do, and checks that the data are consistent.

pub mod migrate;
pub mod privileges;
mod roles;
pub mod verification;

pub use roles::RoleSettings;
