//! For tests only: a database and a Redis prefix per test, a service on a real port, a small HTTP client.

mod client;
mod database;

pub use client::{Answer, Client};
pub use database::TestDatabase;
