//! What the shop does, asked over HTTP: every test starts it on a port and a database of its own.

mod conditional;
mod dead_letters;
mod defects;
mod filters;
mod ledger;
mod pages;
mod products;
mod queue;
mod random;
mod rights;
mod stock;
mod world;
