//! For tests only: a database and a Redis prefix per test, a service on a real port, a small HTTP client, network faults.

mod client;
mod database;
pub mod deployment;
pub mod documents;
pub mod ed25519;
mod fault_proxy;
mod mail_catcher;
pub mod page_views;
pub mod pages;
pub mod planned;
pub mod process;
pub mod raw;
mod redis;
pub mod scale;
mod server;
mod service;
mod settings;
pub mod statements;
pub mod system;

pub use client::{Answer, Client};
pub use database::TestDatabase;
pub use fault_proxy::{Fault, FaultProxy};
pub use mail_catcher::{Answers, CatcherSetup, Caught, MailCatcher};
pub use redis::TestRedis;
pub use server::TestServer;
pub use service::{Person, Setup, TestService};
pub use settings::{CHEAP, KEY, read as settings};
