//! What surrounds every router: refusals, ids, CORS, documentation, measurements.

#[path = "../demo/mod.rs"]
mod demo;
mod docs_page;
mod fixture;
mod responses;
