//! What the tasks service does, asked over HTTP: every test starts it on a port and a database of its own.

mod accounts;
mod any_body;
mod bodies;
mod cancelled;
mod conditional;
mod cursors;
mod defects;
mod deleting;
mod filters;
mod listing;
mod logins;
mod moving;
mod origins;
mod ownership;
mod pages;
mod python_client;
mod random;
mod refusals;
mod rights;
mod targets;
mod texts;
mod tokens;
mod versions;
mod wire;
mod world;
