//! For tests only: a database and a Redis prefix per test, a service on a real port, a small HTTP client.

mod client;
mod database;
pub mod raw;
mod server;
mod settings;

pub use client::{Answer, Client};
pub use database::TestDatabase;
pub use server::TestServer;
pub use settings::read as settings;
