//! Mail on a real Postgres, sent to a server of the tests.

mod attempts;
mod crashes;
mod encryption;
mod files;
mod fixture;
