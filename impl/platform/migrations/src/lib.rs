//! The schema: its migrations, the roles of Postgres and their privileges, and consistency checks of the data.

pub mod apply;
mod connection;
pub mod migrate;
pub mod privileges;
mod roles;
pub mod verification;

pub use roles::RoleSettings;
