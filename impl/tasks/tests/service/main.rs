//! What the tasks service does, asked over HTTP: every test starts it on a port and a database of its own.

mod conditional;
mod cursors;
mod defects;
mod filters;
mod listing;
mod moving;
mod ownership;
mod pages;
mod python_client;
mod random;
mod refusals;
mod rights;
mod versions;
mod world;
