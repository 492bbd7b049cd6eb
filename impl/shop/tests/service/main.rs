//! The shop, called over HTTP: every test starts it on a port and a database of its own.

mod audit;
mod conditional;
mod dead_letters;
mod defects;
mod failures;
mod filters;
mod idempotency;
mod ledger;
mod live;
mod orders;
mod owners;
mod pages;
mod permissions;
mod products;
mod queue;
mod quotas;
mod races;
mod random;
mod reservations;
mod rights;
mod server;
mod statements;
mod stock;
mod tidying;
mod world;
